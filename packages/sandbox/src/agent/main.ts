// The agent: the first process inside of a sandbox. It does what the supervisor asks over an inherited descriptor. Guests run as the same user
// and may do what they like with it, so the supervisor trusts nothing that it says.
import { type AgentCall, AgentLink } from "../link/agent-link.ts"
import { confinePaths } from "./confine-paths.ts"
import { connectPort, waitForPort } from "./connect-port.ts"
import { fileCalls } from "./file-calls.ts"
import { openContext, runCode } from "./run-code.ts"
import { openLink } from "./open-link.ts"
import { runProcess } from "./run-process.ts"
import { openShell, runInShell } from "./run-shell.ts"
import { watchFiles } from "./watch-files.ts"

const calls: Readonly<Record<string, (call: AgentCall) => void>> = {
  spawn: runProcess,
  shell: openShell,
  "shell-run": runInShell,
  context: openContext,
  "context-run": runCode,
  connect: connectPort,
  "wait-port": waitForPort,
  "file-watch": watchFiles,
  ping: (call) => call.ok({}),
}

function answer(call: AgentCall): void {
  const name = String(call.operation["op"])
  const onFiles = fileCalls[name]
  try {
    if (onFiles !== undefined) {
      onFilesOf(call, name, onFiles).then(
        (result) => call.ok(result),
        (error: unknown) => call.fail(error),
      )
    } else if (calls[name] === undefined) call.fail(new Error(`"${name}" is not an operation`))
    else calls[name](call)
  } catch (error) {
    call.fail(error)
  }
}

async function onFilesOf(call: AgentCall, name: string, run: (call: AgentCall) => Promise<unknown>): Promise<unknown> {
  call.operation = await confinePaths(name, call.operation)
  return run(call)
}

const socket = openLink(process.env["MAYFLY_LINK"] ?? "")
socket.on("close", () => process.exit(0))
socket.on("error", () => process.exit(0))
// A guest that breaks one call, by filling the process table for instance, must not end the others.
process.on("uncaughtException", (error) => process.stderr.write(`${error.stack ?? error.message}\n`))
process.on("unhandledRejection", (error) => process.stderr.write(`${String(error)}\n`))
new AgentLink(socket, answer)
