import type { Command } from "commander"
import { addCommand } from "./add-command.ts"
import { withApiOptions } from "./api-options.ts"
import { examples } from "./examples-text.ts"
import type { SandboxCall, SandboxFlags } from "./sandbox-flags.ts"

type SandboxAction = (call: SandboxCall, flags: SandboxFlags) => Promise<void>

/** `mayfly sandbox …` on the command line. */
export function addSandbox(program: Command, action: SandboxAction): void {
  const sandbox = program
    .command("sandbox")
    .summary("make workspaces with a shell and files, and use them")
    .description(
      "Sandboxes of a data directory, also while a server owns it. Files stay; without a server processes end with the command.",
    )
    // What follows exec's words belongs to the command inside.
    .enablePositionalOptions()
  const add = (usage: string, summary: string, lines: readonly string[]): Command =>
    withApiOptions(addCommand(sandbox, usage, summary, lines))
  const make = (usage: string, summary: string, lines: readonly string[]): Command =>
    add(usage, summary, lines)
      .option("--allow <ORIGIN>", "an origin that it may reach; may be repeated (default: none)", collect)
      .option("--memory <MB>", "memory in MiB (default 1024)")
      .option("--env <NAME=VALUE>", "a variable of every command; may be repeated", collect)
  make("create [ID]", "make one; prints its id", [
    "mayfly sandbox create box --allow https://files.example.com",
    "mayfly sandbox create --from snap-…",
  ])
    .option("--from <SNAPSHOT>", "begin with the files of a snapshot")
    .option("--provider <NAME>", "what holds it: bubblewrap, docker or virtual (default bubblewrap)")
    .action((id: string | undefined, flags: SandboxFlags) => action({ name: "create", ...idOf(id) }, flags))
  make("fork <FROM> [ID]", "make another that begins with one's files; prints its id", ["mayfly sandbox fork box try"])
    .action((from: string, id: string | undefined, flags: SandboxFlags) =>
      action({ name: "fork", from, ...idOf(id) }, flags),
    ) // oxfmt-ignore
  add("ls", "list them", ["mayfly sandbox ls --json"]).action((flags: SandboxFlags) => action({ name: "ls" }, flags))
  add("exec <ID> <COMMAND...>", "run a command; its exit code is that of mayfly", [
    "mayfly sandbox exec box 'npm test && ls -la'",
    "mayfly sandbox exec --detach box node server.js",
  ])
    .description(
      "One word is a line for bash; several are a program and its arguments, taken as they are. Options of mayfly come before ID.",
    )
    .option("--cwd <DIR>", "folder (default /workspace)")
    .option("--env <NAME=VALUE>", "a variable; may be repeated", collect)
    .option("--timeout <MS>", "kill it after this time; exit code 124")
    .option("--stdin", "give it this command's stdin, to its end")
    .option("--detach", "leave it running; prints its id, for ps, logs and kill")
    .passThroughOptions()
    .action((id: string, words: readonly string[], flags: SandboxFlags) => action({ name: "exec", id, words }, flags))
  add("sh <ID> [COMMAND...]", "a terminal in it", ["mayfly sandbox sh box", "mayfly sandbox sh box htop"])
    .description(
      "Opens a shell, or a line for bash, on this terminal. Ctrl-] leaves; with a server what ran goes on, and --terminal comes back to it.",
    )
    .option("--cwd <DIR>", "folder (default /workspace)")
    .option("--terminal <ID>", "one that is there, with what it has shown")
    .passThroughOptions()
    .action((id: string, words: readonly string[], flags: SandboxFlags) => action({ name: "sh", id, words }, flags))
  add("cp <FROM> <TO>", "copy a file or a folder; ID:PATH is one in a sandbox, - is stdin or stdout", [
    "mayfly sandbox cp box:report.txt .",
    "mayfly sandbox cp ./project box:",
  ])
    .option("--max-mb <MB>", "the most that is taken out of a sandbox (default 16384)")
    .action((from: string, to: string, flags: SandboxFlags) => action({ name: "cp", from, to }, flags))
  add("ps <ID>", "list processes that were started with --detach or over HTTP", ["mayfly sandbox ps box"])
    .action((id: string, flags: SandboxFlags) => action({ name: "ps", id }, flags)) // oxfmt-ignore
  add("logs <ID> <PROCESS>", "print what a process wrote", ["mayfly sandbox logs --follow box p-…"])
    .option("-f, --follow", "go on until it ends")
    .action((id: string, process: string, flags: SandboxFlags) => action({ name: "logs", id, process }, flags))
  add("kill <ID> <PROCESS>", "signal a process and wait for its end", ["mayfly sandbox kill box p-…"])
    .option("--signal <NAME>", "default TERM; after five seconds KILL")
    .action((id: string, process: string, flags: SandboxFlags) => action({ name: "kill", id, process }, flags))
  add("expose <ID> <PORT>", "print an address that shows a port to whoever has it", ["mayfly sandbox expose box 3000"])
    .option("--ttl <SECONDS>", "how long (default: until unexpose)")
    .action((id: string, port: string, flags: SandboxFlags) => action({ name: "expose", id, port }, flags))
  add("unexpose <ID> <PORT>", "take such an address back", ["mayfly sandbox unexpose box 3000"])
    .action((id: string, port: string, flags: SandboxFlags) => action({ name: "unexpose", id, port }, flags)) // oxfmt-ignore
  add("snapshot <ID>", "save a copy of all files; prints its id", ["mayfly sandbox snapshot box"])
    .option("--rm <SNAPSHOT>", "remove a copy in place of that")
    .action((id: string, flags: SandboxFlags) => action({ name: "snapshot", id }, flags))
  add("snapshots", "list copies", ["mayfly sandbox snapshots --json"])
    .action((flags: SandboxFlags) => action({ name: "snapshots", id: "" }, flags)) // oxfmt-ignore
  add("stop <ID>", "end its processes; its files stay", ["mayfly sandbox stop box"])
    .action((id: string, flags: SandboxFlags) => action({ name: "stop", id }, flags)) // oxfmt-ignore
  add("rm <ID>", "end it and remove its files", ["mayfly sandbox rm box"])
    .action((id: string, flags: SandboxFlags) => action({ name: "rm", id }, flags)) // oxfmt-ignore
  sandbox.addHelpText(
    "after",
    examples([
      "mayfly sandbox create box --allow https://files.example.com",
      "mayfly sandbox exec box 'npm test && ls -la'",
      "mayfly sandbox sh box",
      "mayfly sandbox cp box:report.txt .",
    ]),
  )
}

function idOf(id: string | undefined): { readonly id?: string } {
  return id === undefined ? {} : { id }
}

function collect(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value]
}
