import type { ApiFlags } from "./api-options.ts"
import { exitCodes, reportFailure } from "./command-error.ts"
import { listenForInterrupts } from "./interrupts.ts"
import type { Api } from "./api.ts"
import { openApi } from "./open-api.ts"
import type { Output } from "./output.ts"
import { whenAborted } from "./when-aborted.ts"

/** One command that talks to the API. */
export interface ApiCommand<Prepared> {
  readonly flags: ApiFlags
  readonly output: Output
  /** Before anything is opened: a wrong option starts nothing. */
  prepare(signal: AbortSignal): Prepared | Promise<Prepared>
  /** Gives the exit code. */
  act(api: Api, prepared: Prepared, signal: AbortSignal): Promise<number>
}

/** Signals, errors and exit codes, alike for all commands: what is thrown becomes one line on stderr. Gives the exit code; never rejects. */
export async function withApi<Prepared>({ flags, output, ...command }: ApiCommand<Prepared>): Promise<number> {
  using interrupts = listenForInterrupts()
  try {
    const prepared = await command.prepare(interrupts.signal)
    await using api = await openApi(flags)
    // A server that does not answer must not hold who presses Ctrl-C.
    const code = await Promise.race([
      command.act(api, prepared, interrupts.signal),
      whenAborted(interrupts.signal).then(() => exitCodes.failed),
    ])
    return interrupts.exitCode ?? code
  } catch (error) {
    if (interrupts.exitCode !== undefined) return interrupts.exitCode
    return reportFailure(error, flags, output)
  }
}
