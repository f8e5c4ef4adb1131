import { MayflyError } from "@mayfly/protocol"

/** A guarantee that this machine can't give, or a sandbox that it can't start. */
export function unavailable(message: string): MayflyError {
  return new MayflyError("sandbox.unavailable", message)
}

export function didNotStart(complaint: string): MayflyError {
  return unavailable(`the sandbox did not start: ${complaint.trim() || "no reason was given"}`)
}
