import type { Command } from "commander"
import type { WorkerCall, WorkerFlags } from "./account-flags.ts"
import { addCommand } from "./add-command.ts"
import { withApiOptions } from "./api-options.ts"
import { examples } from "./examples-text.ts"

/** `mayfly worker …` on the command line. */
export function addWorker(program: Command, action: (call: WorkerCall, flags: WorkerFlags) => Promise<void>): void {
  const worker = program
    .command("worker")
    .summary("deploy programs under a name, and call them")
    .description("Named workers of a data directory. A running server answers them at /v1/workers/NAME/fetch/.")
  const add = (usage: string, summary: string, lines: readonly string[]): Command =>
    withApiOptions(addCommand(worker, usage, summary, lines))
  add("deploy <NAME> <FILE>", "deploy FILE, or a new version of it; - for stdin", [
    "mayfly worker deploy greet greet.ts --allow https://api.example.com",
  ])
    .option("--env <JSON>", "the program's env (data), or @file")
    .option("--cpu <MS>", "CPU time in milliseconds, or none (default 5000)")
    .option("--memory <MB>", "memory in MiB (default 128)")
    .option("--wall <MS>", "time in milliseconds, or none (default 30000)")
    .option("--allow <ORIGIN>", "an origin that it may reach; may be repeated (default: none)", collect)
    .option("--policy <FILE>", "a network policy as JSON; --allow adds to it")
    .option("--language <NAME>", "auto, javascript or typescript (default auto)")
    .option("--reuse", "let its runs use isolates that earlier ones left warm")
    .action((name: string, file: string, flags: WorkerFlags) => action({ name: "deploy", worker: name, file }, flags))
  add("ls", "list them", ["mayfly worker ls"]).action((flags: WorkerFlags) => action({ name: "ls" }, flags))
  add("versions <NAME>", "list versions, the newest first", ["mayfly worker versions greet"]).action(
    (name: string, flags: WorkerFlags) => action({ name: "versions", worker: name }, flags),
  )
  add("rollback <NAME> <VERSION>", "make an earlier version the one that is called", [
    "mayfly worker rollback greet 3fa9…",
  ]).action((name: string, version: string, flags: WorkerFlags) =>
    action({ name: "rollback", worker: name, version }, flags),
  )
  add("run <NAME>", "call it once; exit code 1 when the program failed", [
    `mayfly worker run greet --input '{"name":"you"}'`,
  ])
    .option("--input <JSON>", "the program's input, or @file; tagged JSON")
    .action((name: string, flags: WorkerFlags) => action({ name: "run", worker: name }, flags))
  add("rm <NAME>", "remove it with all versions", ["mayfly worker rm greet"]).action(
    (name: string, flags: WorkerFlags) => action({ name: "rm", worker: name }, flags),
  )
  worker.addHelpText(
    "after",
    examples(["mayfly worker deploy greet greet.ts", `mayfly worker run greet --input '{"name":"you"}'`]),
  )
}

function collect(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value]
}
