import type { ApiFlags } from "./api-options.ts"
import { errorLine, exitCodeOf } from "./command-error.ts"
import { listenForInterrupts } from "./interrupts.ts"
import { type Api, openApi } from "./open-api.ts"
import type { Output } from "./output.ts"
import { safeLine } from "./safe-line.ts"

/**
 * Opens the API for one command. Signals, errors and exit codes are alike for all of them: what `act` throws is one line on stderr.
 * Gives the exit code; never rejects.
 */
export async function withApi(
  flags: ApiFlags,
  output: Output,
  act: (api: Api, signal: AbortSignal) => Promise<number>,
): Promise<number> {
  using interrupts = listenForInterrupts()
  try {
    await using api = await openApi(flags)
    const code = await act(api, interrupts.signal)
    return interrupts.exitCode ?? code
  } catch (error) {
    if (interrupts.exitCode !== undefined) return interrupts.exitCode
    output.stderr.write(`${safeLine(errorLine(error))}\n`)
    return exitCodeOf(error)
  }
}
