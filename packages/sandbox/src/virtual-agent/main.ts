// The agent of the provider "virtual": a process that may read and write one folder and nothing else, and start no other. Commands are imitated by
// just-bash in threads of its own; this thread only passes on, so it answers whatever a command does.
import { Socket } from "node:net"
import { confinePaths } from "../agent/confine-paths.ts"
import { fileCalls } from "../agent/file-calls.ts"
import { setFilesRoot, shownText } from "../agent/files-root.ts"
import { watchFiles } from "../agent/watch-files.ts"
import { type AgentCall, AgentLink } from "../link/agent-link.ts"
import { CommandThreads } from "./command-threads.ts"
import { placeOperation } from "./place-operation.ts"
import { RequestRelay } from "./request-relay.ts"
import { VirtualShells } from "./virtual-shells.ts"
import { runCommand } from "./run-command.ts"
import { unsupported } from "./unsupported.ts"
import { watchOwnMemory } from "./watch-own-memory.ts"

const [root = "", justBash = "", memoryMb = "0"] = process.argv.slice(2)
setFilesRoot(root)
const relay = new RequestRelay()
const threads = new CommandThreads({ root, justBash, memoryMb: Number(memoryMb), relay })
const shells = new VirtualShells(threads)

const calls: Readonly<Record<string, (call: AgentCall) => void>> = {
  spawn: (call) => void runCommand(call, root, threads),
  shell: (call) => shells.open(call),
  "shell-run": (call) => void shells.run(call),
  network: (call) => relay.open(call),
  usage: (call) => call.ok({ memoryBytes: process.memoryUsage.rss(), commands: threads.running }),
  ping: (call) => call.ok({}),
  context: (call) => call.fail(unsupported("runs no code of other languages")),
  "context-run": (call) => call.fail(unsupported("runs no code of other languages")),
  connect: (call) => call.fail(unsupported("has no ports")),
  "wait-port": (call) => call.fail(unsupported("has no ports")),
}

function answer(call: AgentCall): void {
  const fail = call.fail.bind(call)
  call.fail = (error) => {
    const { code, message } = error as { code?: unknown; message?: unknown }
    fail({ code, message: shownText(String(message)) })
  }
  const name = String(call.operation["op"])
  answerCall(call, name).catch((error: unknown) => call.fail(error))
}

async function answerCall(call: AgentCall, name: string): Promise<void> {
  const onFiles = fileCalls[name]
  if (onFiles === undefined && name !== "file-watch") {
    const run = calls[name]
    if (run === undefined) throw new Error(`"${name}" is not an operation`)
    return run(call)
  }
  call.operation = await confinePaths(name, placeOperation(name, call.operation, root))
  if (onFiles === undefined) watchFiles(call)
  else call.ok(await onFiles(call))
}

const socket = new Socket({ fd: Number(process.env["MAYFLY_LINK"]), readable: true, writable: true })
socket.on("close", () => process.exit(0))
socket.on("error", () => process.exit(0))
process.on("uncaughtException", (error) => process.stderr.write(`${error.stack ?? error.message}\n`))
process.on("unhandledRejection", (error) => process.stderr.write(`${String(error)}\n`))
watchOwnMemory(Number(memoryMb))
new AgentLink(socket, answer)
