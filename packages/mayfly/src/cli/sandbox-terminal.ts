import { setTimeout as delay } from "node:timers/promises"
import { exitCodes, invalid } from "./command-error.ts"
import type { Api } from "./api.ts"
import type { Output } from "./output.ts"
import type { SandboxFlags } from "./sandbox-flags.ts"
import { sandboxPath } from "./sandbox-path.ts"
import { safeLine } from "./safe-line.ts"
import { sizeOf, TerminalSession } from "./terminal-session.ts"

export interface ShellContext {
  readonly api: Api
  readonly flags: SandboxFlags
  readonly output: Output
  readonly signal: AbortSignal
}

const reconnects = 10

/** `mayfly sandbox sh`: a terminal of a sandbox on the user's own. Gives the exit code of what ran in it. */
export async function sandboxTerminal(
  id: string,
  words: readonly string[],
  { api, flags, output, signal }: ShellContext,
): Promise<number> {
  const { stdin } = process
  const { stdout } = output
  if (!stdin.isTTY || !stdout.isTTY) throw invalid("sh", "needs a terminal; `mayfly sandbox exec` needs none")
  const { cols, rows } = sizeOf(stdout)
  const query = new URLSearchParams({
    cols: String(cols),
    rows: String(rows),
    ...(words.length === 0 ? {} : { command: words.join(" ") }),
    ...(flags.cwd === undefined ? {} : { cwd: flags.cwd }),
    ...(flags.terminal === undefined ? {} : { terminal: flags.terminal }),
  })
  const first = await api.socket(sandboxPath(id, "/terminal", flags, query))
  if (api.isLasting) output.stderr.write("Ctrl-] leaves; the terminal goes on.\r\n")
  let end
  {
    await using session = new TerminalSession({ stdin, stdout, signal })
    end = await session.show(first)
    for (let tries = 0; end.how === "lost" && api.isLasting && tries < reconnects && !signal.aborted; tries++) {
      await delay(tries * 200)
      const again = new URLSearchParams({ terminal: end.terminal })
      const socket = await api.socket(sandboxPath(id, "/terminal", flags, again)).catch(() => undefined)
      if (socket === undefined) continue
      // All that is kept is shown again.
      stdout.write("\x1b[2J\x1b[H")
      end = await session.show(socket)
      tries = 0
    }
  }
  if (end.how === "exit") return end.exitCode
  const { terminal } = end
  if (end.how === "lost") {
    output.stderr.write("mayfly: the connection to the terminal was lost\n")
    return exitCodes.failed
  }
  if (api.isLasting)
    output.stderr.write(`${safeLine(`left; come back with: mayfly sandbox sh --terminal ${terminal} ${id}`)}\n`)
  return exitCodes.ok
}
