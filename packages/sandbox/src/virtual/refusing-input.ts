import { Writable } from "node:stream"
import { MayflyError } from "@mayfly/protocol"
import type { ProviderProcess } from "../sandbox-provider.ts"

/** The process, with a stdin that can be closed and not written. */
export function refusingInput(process: ProviderProcess): ProviderProcess {
  const stdin = new Writable({
    write: (_chunk, _encoding, done) =>
      done(
        new MayflyError(
          "sandbox.unsupported",
          'a process of the provider "virtual" reads no stdin; give it to exec, or write a file',
        ),
      ),
  })
  stdin.on("error", () => {})
  return {
    pid: process.pid,
    stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    exited: process.exited,
    kill: (signal) => process.kill(signal),
    resize: (cols, rows) => process.resize(cols, rows),
    cancel: () => process.cancel(),
  }
}
