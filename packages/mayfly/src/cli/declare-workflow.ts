import type { Command } from "commander"
import { addCommand } from "./add-command.ts"
import { withApiOptions } from "./api-options.ts"
import { examples } from "./examples-text.ts"
import type { WorkflowCall, WorkflowFlags } from "./workflow-flags.ts"

type WorkflowAction = (call: WorkflowCall, flags: WorkflowFlags) => Promise<void>

/** `mayfly workflow …` on the command line. */
export function addWorkflow(program: Command, action: WorkflowAction): void {
  const workflow = program
    .command("workflow")
    .summary("start durable workflows, look at them, steer them")
    .description(
      "Workflows of a data directory, also while a server owns it. Without a server they go on only while a command such as `watch` runs.",
    )
  const add = (usage: string, summary: string, lines: readonly string[]): Command =>
    withApiOptions(addCommand(workflow, usage, summary, lines))
  add("start <FILE>", "start one: a JSON file with steps, or a script with run(event, step); - for stdin", [
    "mayfly workflow start refund.js --id refund-7 --params '{\"order\":7}'",
  ])
    .option("--id <ID>", "its id; the same id and content attaches (default: a random one)")
    .option("--params <JSON>", "its params, or @file; tagged JSON")
    .action((file: string, flags: WorkflowFlags) => action({ name: "start", file }, flags))
  add("ls", "list them, the newest last", ["mayfly workflow ls --status waiting"])
    .option("--status <WORD>", "queued, running, waiting, waitingForPause, paused, complete, errored or terminated")
    .option("--limit <N>", "how many, 1 to 1000 (default 100)")
    .action((flags: WorkflowFlags) => action({ name: "ls" }, flags))
  for (const [name, summary] of [
    ["show", "status, result, and what it waits for"],
    ["events", "its history: every attempt of every step"],
    ["watch", "its history, and what happens, until it ends; exit code 1 when it failed"],
    ["pause", "let running steps finish, and stop there"],
    ["resume", "go on after a pause"],
    ["rm", "delete it and all it left; it is terminated first"],
  ] as const) {
    add(`${name} <ID>`, summary, [`mayfly workflow ${name} refund-7`]).action((id: string, flags: WorkflowFlags) =>
      action({ name, id }, flags),
    )
  }
  add("terminate <ID>", "end it, its children too", ["mayfly workflow terminate refund-7 --rollback"])
    .option("--rollback", "undo what was done first")
    .action((id: string, flags: WorkflowFlags) => action({ name: "terminate", id }, flags))
  add("restart <ID>", "run it again, from the beginning or from a step", [
    "mayfly workflow restart refund-7 --from charge",
  ])
    .option("--from <STEP>", "keep the results before this step")
    .action((id: string, flags: WorkflowFlags) => action({ name: "restart", id }, flags))
  add("send <ID> <TYPE> [JSON]", "send an event; JSON, or @file, is its payload", [
    "mayfly workflow send refund-7 decision '{\"approved\":true}'",
  ])
    .option("--event-id <ID>", "a second event with the same id changes nothing")
    .action((id: string, type: string, payload: string | undefined, flags: WorkflowFlags) =>
      action({ name: "send", id, type, ...(payload === undefined ? {} : { payload }) }, flags),
    )
  workflow.addHelpText(
    "after",
    examples([
      "mayfly workflow start refund.js --id refund-7 --params '{\"order\":7}'",
      "mayfly workflow watch refund-7",
      "mayfly workflow send refund-7 decision '{\"approved\":true}'",
      "mayfly workflow ls --status waiting",
    ]),
  )
}
