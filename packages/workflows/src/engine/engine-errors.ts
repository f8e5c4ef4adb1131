import { MayflyError } from "@mayfly/protocol"

export function heldError(): MayflyError {
  return new MayflyError("tenant.suspended", "the tenant is held")
}

export function stoppedError(): MayflyError {
  return new MayflyError("workflow.engine-stopped", "the workflow engine has stopped")
}
