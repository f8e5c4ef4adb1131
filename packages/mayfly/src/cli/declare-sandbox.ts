import type { Command } from "commander"
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
  const add = (usage: string, summary: string): Command =>
    sandbox
      .command(usage)
      .summary(summary)
      .option("--data <DIR>", "data directory", "./.mayfly")
      .option("--tenant <NAME>", "whose sandboxes (default default)")
  add("create [ID]", "make one; prints its id")
    .option("--allow <ORIGIN>", "an origin that it may reach; may be repeated (default: none)", collect)
    .option("--memory <MB>", "memory in MiB (default 1024)")
    .option("--provider <NAME>", "what holds it: bubblewrap, docker or virtual (default bubblewrap)")
    .option("--env <NAME=VALUE>", "a variable of every command; may be repeated", collect)
    .option("--json", "print one JSON object")
    .action((id: string | undefined, flags: SandboxFlags) =>
      action({ name: "create", ...(id === undefined ? {} : { id }) }, flags),
    )
  add("ls", "list them")
    .option("--json", "print one JSON object per line")
    .action((flags: SandboxFlags) => action({ name: "ls" }, flags))
  add("exec <ID> <COMMAND...>", "run a command; its exit code is that of mayfly")
    .description(
      "One word is a line for bash; several are a program and its arguments, taken as they are. Options of mayfly come before ID.",
    )
    .option("--cwd <DIR>", "folder (default /workspace)")
    .option("--env <NAME=VALUE>", "a variable; may be repeated", collect)
    .option("--timeout <MS>", "kill it after this time; exit code 124")
    .option("--stdin", "give it this command's stdin, to its end")
    .passThroughOptions()
    .action((id: string, words: readonly string[], flags: SandboxFlags) => action({ name: "exec", id, words }, flags))
  add("cp <FROM> <TO>", "copy a file; ID:PATH is one in a sandbox, - is stdin or stdout").action(
    (from: string, to: string, flags: SandboxFlags) => action({ name: "cp", from, to }, flags),
  )
  add("rm <ID>", "end it and remove its files").action((id: string, flags: SandboxFlags) =>
    action({ name: "rm", id }, flags),
  )
  sandbox.addHelpText(
    "after",
    examples([
      "mayfly sandbox create box --allow https://files.example.com",
      "mayfly sandbox exec box 'npm test && ls -la'",
      "mayfly sandbox cp box:report.txt .",
    ]),
  )
}

function collect(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value]
}
