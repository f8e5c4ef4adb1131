import type { Command } from "commander"
import type { RunsAction, RunsFlags, TenantsAction, TenantsFlags, UsageFlags } from "./account-flags.ts"
import { addCommand } from "./add-command.ts"
import { withApiOptions } from "./api-options.ts"
import { examples } from "./examples-text.ts"

/** `mayfly usage`. */
export function addUsage(program: Command, action: (flags: UsageFlags) => Promise<void>): void {
  withApiOptions(program.command("usage"))
    .summary("say what tenants used")
    .description("Runs count when they end; amounts are per UTC day.")
    .option("--from <DAY>", "first day, such as 2026-11-01 (default: the first of the month)")
    .option("--to <DAY>", "last day (default: today)")
    .option("--by <LIST>", "tenant, worker, day, or several with commas (default tenant)")
    .option("--compare", "add what it would cost at published prices of hosted services")
    .option("--csv", "print the rows as CSV")
    .addHelpText("after", examples(["mayfly usage --by tenant,day", "mayfly usage --compare", "mayfly usage --csv"]))
    .action(action)
}

/** `mayfly tenants …`. */
export function addTenants(
  program: Command,
  action: (name: TenantsAction, tenant: string, flags: TenantsFlags) => Promise<void>,
): void {
  const tenants = program
    .command("tenants")
    .summary("set quotas and budgets of tenants, and stop one")
    .description("A tenant needs no account: until something is set the server's defaults count.")
  const add = (usage: string, summary: string, lines: readonly string[]): Command =>
    withApiOptions(addCommand(tenants, usage, summary, lines))
  add("ls", "list tenants that have used something, or for which something is set", ["mayfly tenants ls"]).action(
    (flags: TenantsFlags) => action("ls", "", flags),
  )
  add("show <NAME>", "show quota, budget and what was used", ["mayfly tenants show acme"]).action(
    (name: string, flags: TenantsFlags) => action("show", name, flags),
  )
  add("set <NAME>", "set quota and budget; each replaces the whole of it", [
    `mayfly tenants set acme --quota '{"concurrentRuns":10,"runsPerSecond":50}'`,
  ])
    .option("--quota <JSON>", "or @file; {} takes all limits away")
    .option("--budget <JSON>", "or @file")
    .action((name: string, flags: TenantsFlags) => action("set", name, flags))
  add("suspend <NAME>", "end its runs, hold its workflows, stop its sandboxes, and refuse what it asks for", [
    "mayfly tenants suspend acme --reason 'mining'",
  ])
    .option("--reason <TEXT>", "shown with each refusal")
    .action((name: string, flags: TenantsFlags) => action("suspend", name, flags))
  add("resume <NAME>", "let it go on", ["mayfly tenants resume acme"]).action((name: string, flags: TenantsFlags) =>
    action("resume", name, flags),
  )
  tenants.addHelpText(
    "after",
    examples([
      `mayfly tenants set acme --quota '{"concurrentRuns":10,"runsPerSecond":50}'`,
      `mayfly tenants set acme --budget '{"day":{"soft":{"cpuMs":3000000},"hard":{"cpuMs":3600000}}}'`,
      "mayfly tenants suspend acme --reason 'mining'",
    ]),
  )
}

/** `mayfly runs …`. */
export function addRuns(
  program: Command,
  action: (name: RunsAction, id: string, flags: RunsFlags) => Promise<void>,
): void {
  const runs = program
    .command("runs")
    .summary("look at runs, and cancel them")
    .description("Runs of a data directory: those under way, and those that are over and not forgotten.")
  const add = (usage: string, summary: string, lines: readonly string[]): Command =>
    withApiOptions(addCommand(runs, usage, summary, lines))
  add("ls", "list them: those under way, then the one that ended last", ["mayfly runs ls --status running"])
    .option("--status <WORD>", "queued, running, succeeded, failed or cancelled")
    .option("--worker <NAME>", "of one worker: a name or a content hash")
    .option("--limit <N>", "how many, 1 to 1000 (default 100)")
    .action((flags: RunsFlags) => action("ls", "", flags))
  add("show <ID>", "show one with its logs", ["mayfly runs show run_…"]).action((id: string, flags: RunsFlags) =>
    action("show", id, flags),
  )
  add("cancel <ID>", "end one, also while it waits", ["mayfly runs cancel run_…"]).action(
    (id: string, flags: RunsFlags) => action("cancel", id, flags),
  )
  runs.addHelpText("after", examples(["mayfly runs ls --status running", "mayfly runs cancel run_…"]))
}
