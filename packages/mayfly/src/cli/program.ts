import { readFileSync } from "node:fs"
import { Argument, Command } from "commander"
import { addCommand } from "./add-command.ts"
import { withApiOptions } from "./api-options.ts"
import type { ApprovalsFlags } from "./approvals-command.ts"
import type { AttackFlags } from "./attack-command.ts"
import type { BenchFlags } from "./bench-command.ts"
import { completeWord, completions, type Shell, shells } from "./completions.ts"
import { addRuns, addTenants, addUsage } from "./declare-accounts.ts"
import { addBackup } from "./declare-backup.ts"
import { addLogin } from "./declare-login.ts"
import { addSandbox } from "./declare-sandbox.ts"
import { addWorker } from "./declare-worker.ts"
import { addWorkflow } from "./declare-workflow.ts"
import { examples } from "./examples-text.ts"
import type { KeysFlags } from "./keys-command.ts"
import type { LedgerAction, LedgerFlags } from "./ledger-flags.ts"
import type { McpFlags } from "./mcp-command.ts"
import type { Output } from "./output.ts"
import type { RunFlags } from "./run-flags.ts"
import { safeLine } from "./safe-line.ts"
import type { SecretsFlags } from "./secrets-command.ts"
import type { ServeFlags } from "./serve-command.ts"

export interface CommandLine {
  /** The tree of commands and options. */
  readonly program: Command
  /** Parses and runs; gives the exit code. Rejects with commander's CommanderError for a wrong command line, and after --help. */
  run(argv: readonly string[]): Promise<number>
}

/** The command line. Commands are loaded when they are called: each needs other parts. */
export function createCommandLine(stdout: NodeJS.WriteStream, stderr: NodeJS.WriteStream): CommandLine {
  let exitCode = 0
  const outputOf = (color: boolean): Output => ({ stdout, stderr, color })
  const program = new Command("mayfly")
    .description(
      "Runs code that an AI agent has just written, in isolates, with limits and a default-deny network policy.",
    )
    .version(version())
    .exitOverride()
    .configureOutput({ writeOut: (text) => void stdout.write(text), writeErr: (text) => void stderr.write(text) })
    .showHelpAfterError("(mayfly --help shows the options)")
    .addHelpText("after", examples(["mayfly run answer.md", "mayfly serve", "mayfly doctor"]))
  addRun(program, async (file, flags) => {
    const { runCommand } = await import("./run-command.ts")
    exitCode = await runCommand(file, flags, outputOf(flags.color))
  })
  addServe(program, async (worker, flags) => {
    const { serveCommand } = await import("./serve-command.ts")
    exitCode = await serveCommand(worker, flags, outputOf(true))
  })
  addLedger(program, async (name, flags) => {
    const { ledgerCommand } = await import("./ledger-command.ts")
    exitCode = await ledgerCommand(name, flags, outputOf(true))
  })
  addKeys(program, async (action, name, flags) => {
    const { keysCommand } = await import("./keys-command.ts")
    exitCode = await keysCommand(action, name, flags, outputOf(true))
  })
  addSecrets(program, async (action, name, flags) => {
    const { secretsCommand } = await import("./secrets-command.ts")
    exitCode = await secretsCommand(action, name, flags, outputOf(true))
  })
  addApprovals(program, async (action, id, flags) => {
    const { approvalsCommand } = await import("./approvals-command.ts")
    exitCode = await approvalsCommand(action, id, flags, outputOf(true))
  })
  addWorker(program, async (call, flags) => {
    const { workerCommand } = await import("./worker-command.ts")
    exitCode = await workerCommand(call, flags, outputOf(true))
  })
  addRuns(program, async (action, id, flags) => {
    const { runsCommand } = await import("./runs-command.ts")
    exitCode = await runsCommand(action, id, flags, outputOf(true))
  })
  addUsage(program, async (flags) => {
    const { usageCommand } = await import("./usage-command.ts")
    exitCode = await usageCommand(flags, outputOf(true))
  })
  addTenants(program, async (action, tenant, flags) => {
    const { tenantsCommand } = await import("./tenants-command.ts")
    exitCode = await tenantsCommand(action, tenant, flags, outputOf(true))
  })
  addWorkflow(program, async (call, flags) => {
    const { workflowCommand } = await import("./workflow-command.ts")
    exitCode = await workflowCommand(call, flags, outputOf(true))
  })
  addSandbox(program, async (call, flags) => {
    const { sandboxCommand } = await import("./sandbox-command.ts")
    exitCode = await sandboxCommand(call, flags, outputOf(true))
  })
  addBackup(program, async (name, folder, flags) => {
    const { backupCommand } = await import("./backup-command.ts")
    exitCode = await backupCommand(name, folder, flags, outputOf(true))
  })
  addMcp(program, async (flags) => {
    const { mcpCommand } = await import("./mcp-command.ts")
    exitCode = await mcpCommand(flags, outputOf(true))
  })
  addLogin(program, {
    async login(url, flags) {
      const { loginCommand } = await import("./login-command.ts")
      exitCode = await loginCommand(url, flags, outputOf(true))
    },
    async logout(name, flags) {
      const { logoutCommand } = await import("./login-command.ts")
      exitCode = logoutCommand(name, flags, outputOf(true))
    },
    async profiles(flags) {
      const { profilesCommand } = await import("./login-command.ts")
      exitCode = profilesCommand(flags, outputOf(true))
    },
  })
  addDoctor(program, async (flags) => {
    const { doctorCommand } = await import("./doctor-command.ts")
    exitCode = await doctorCommand(flags, outputOf(true))
  })
  addBench(program, async (flags) => {
    const { benchCommand } = await import("./bench-command.ts")
    exitCode = await benchCommand(flags, outputOf(true))
  })
  addAttack(program, async (flags) => {
    const { attackCommand } = await import("./attack-command.ts")
    exitCode = await attackCommand(flags, outputOf(true))
  })
  addCompletions(program, stdout)
  return {
    program,
    async run(argv) {
      const [first, ...words] = argv
      if (first === completeWord) return printCandidates(program, words, stdout)
      await program.parseAsync(argv, { from: "user" })
      return exitCode
    },
  }
}

function addRun(program: Command, action: (file: string, flags: RunFlags) => Promise<void>): void {
  program
    .command("run")
    .summary("run a program")
    .description(
      "Runs a program in any of the five shapes, also inside a Markdown fence. FILE's relative imports are resolved inside its folder.\n" +
        "Exit code: 0 ok, 1 the program failed, 2 wrong options.",
    )
    .argument("<FILE>", "a JavaScript, TypeScript or Markdown file, or - for stdin")
    .option("--input <JSON>", "the program's input, or @file")
    .option("--env <JSON>", "the program's env (data), or @file")
    .option("--request <JSON>", "call the fetch handler with { url, method, headers, body }, or @file")
    .option("--cpu <MS>", "CPU time in milliseconds, or none (default 5000)")
    .option("--memory <MB>", "memory in MiB (default 128)")
    .option("--wall <MS>", "time in milliseconds, or none (default 30000)")
    .option("--allow <ORIGIN>", "an origin that the program may reach; may be repeated (default: none)", collect)
    .option("--policy <FILE>", "a network policy as JSON; --allow adds to it")
    .option(
      "--secret <NAME>",
      "a credential that --allow origins get and the program never sees: NAME (from the environment), NAME=@file or NAME=VALUE;\n" +
        "env.NAME is a placeholder that becomes the secret on its way out; may be repeated",
      collect,
    )
    .option("--learn", "let it reach every public address, and print the smallest policy for what it did")
    .option("--yes", "no question before --learn")
    .option("--url <URL>", "run it on this server and not here; its key is in MAYFLY_KEY")
    .option("--profile <NAME>", "run it on a server that `mayfly login` keeps")
    .option("--language <NAME>", "auto, javascript or typescript (default auto)")
    .option("--tenant <NAME>", "domain of isolation and fairness (default default)")
    .option("--json", "print one JSON object: { id, ok, result | error, logs, usage, egress }")
    .option("--watch", "run again when a file of the program changes")
    .option("--plan", "say what the program seems to need (origins, bindings, modules), and do not run it")
    .option("--no-color", "no colours, also on a terminal")
    .addHelpText(
      "after",
      examples([
        "mayfly run answer.md",
        `mayfly run sum.ts --input '{"numbers":[1,2,3]}'`,
        `echo 'return input.a + 1' | mayfly run - --input '{"a":1}' --json`,
        "mayfly run fetch.js --allow https://api.example.com --wall 10000",
        "mayfly run agent.js --allow https://api.openai.com --secret OPENAI_KEY",
        "mayfly run agent.js --learn > policy.json",
        "mayfly run answer.md --plan",
        "mayfly run answer.md --profile prod",
        `mayfly run handler.ts --request '{"url":"http://app/items","method":"POST","body":"x"}'`,
      ]),
    )
    .action(action)
}

function addServe(program: Command, action: (worker: string | undefined, flags: ServeFlags) => Promise<void>): void {
  program
    .command("serve")
    .summary("serve the HTTP API, and a worker of yours")
    .description(
      "Serves the HTTP API. The first start prints the admin key, once; only its hash is stored.\n" +
        "With WORKER it serves that too, on a port of its own. The worker is your code: it runs in this process, with all that this\n" +
        "process may do. What it loads through env.LOADER and DynamicWorker runs in isolates.",
    )
    .argument("[WORKER]", "a module that exports default { fetch(request, env, ctx) }, in JavaScript or TypeScript")
    .option("--config <FILE>", "settings as JSON (default: mayfly.config.json or .jsonc in this folder)")
    .option("--set <NAME=VALUE>", "any setting of docs/reference/configuration.md; may be repeated", collect)
    .option("--print-config", "print the settings in force and where each came from, and end; --json for one object")
    .option("--json", "for --print-config")
    .option("--port <PORT>", "port of the API; 0 for any free one (default 8787)")
    .option("--host <HOST>", "address to bind, for both (default 127.0.0.1)")
    .option("--data <DIR>", "data directory; one process owns it (default ./.mayfly)")
    .option("--worker-port <PORT>", "port of the worker; 0 for any free one (default 8788)")
    .option("--cors <ORIGIN>", "let pages of this origin call the API; may be repeated", collect)
    .option("--preview-host <NAME>", "name below which ports of sandboxes are shown (default localhost)")
    .option("--require <WHAT>", "hardened: refuse to start unless every protection is active")
    .option("--grace <MS>", "how long requests under way may take after SIGTERM (default 2500)")
    .option("--log-level <LEVEL>", "trace, debug, info, warn, error or silent (default info)")
    .option("--guest-logs <FILE>", "where console lines of programs go as JSON lines; - for stdout (default nowhere)")
    .option("--otlp-endpoint <URL>", "an OpenTelemetry collector that gets traces (OTLP over HTTP)")
    .option("--env <NAME=VALUE>", "a text in the worker's env; NAME alone takes this shell's; may be repeated", collect)
    .option(
      "--env-file <FILE>",
      "a file of NAME=VALUE lines; may be repeated (default: .dev.vars beside the worker)",
      collect,
    )
    .option("--allow-host <NAME>", "answer to this Host header too, behind a proxy; may be repeated", collect)
    .option("--watch", "load the worker again when its files change")
    .option(
      "--webhook <URL>",
      "post approvals and alerts there, signed as Standard Webhooks says; may be repeated",
      collect,
    )
    .option(
      "--webhook-secret <SECRET>",
      "what webhooks are signed with: whsec_…, or @file (default: MAYFLY_WEBHOOK_SECRET, or one that is made and printed once)",
    )
    .option(
      "--sandbox-provider <NAME>",
      "what holds sandboxes: bubblewrap, docker or virtual; the first is the default, tenants may choose the others; may be repeated",
      collect,
    )
    .option("--demo", "run a demonstration first")
    .addHelpText(
      "after",
      examples([
        "mayfly serve",
        "mayfly serve --port 9000 --data /var/lib/mayfly",
        "mayfly serve --set limits.cpuMs=1000 --print-config",
        "mayfly serve worker.ts --watch",
        "mayfly serve worker.ts --worker-port 3000 --env API_KEY --env REGION=eu",
      ]),
    )
    .action(action)
}

function addLedger(program: Command, action: (name: LedgerAction, flags: LedgerFlags) => Promise<void>): void {
  const ledger = program
    .command("ledger")
    .summary("show what programs reached for")
    .description(
      "Reads the ledger of a data directory, also while a server owns it. Every attempt to reach something is in it.",
    )
  const add = (name: LedgerAction, summary: string, lines: readonly string[]): Command =>
    withApiOptions(addCommand(ledger, name, summary, lines)).action((flags: LedgerFlags) => action(name, flags))
  const addRows = (name: LedgerAction, summary: string, lines: readonly string[]): Command =>
    add(name, summary, lines)
      .option("--run <ID>", "rows of one run")
      .option("--decision <WORD>", "allow, deny or ask")
      .option("--origin <ORIGIN>", "rows of one origin")
      .option("--since <TIME>", "a date, or how long ago: 30m, 12h, 7d")
      .option("--until <TIME>", "likewise")
  addRows("ls", "list rows, the newest last", [
    "mayfly ledger ls --decision deny --since 24h",
    "mayfly ledger ls --follow",
  ])
    .option("--limit <N>", "how many rows, 1 to 1000 (default 100)")
    .option("--follow", "wait for more")
  addRows("export", "print all rows, the oldest first", ["mayfly ledger export --csv > egress.csv"]).option(
    "--csv",
    "comma-separated values in place of JSON",
  )
  add("verify", "check that the ledger is what was written; exit code 1 when it is not", [
    "mayfly ledger verify",
    "mayfly ledger verify --expect 1042:9f2c…",
  ]).option("--expect <HEAD>", "a head that was written down earlier, SEQ:HASH")
  add("summary", "say in words what a run did", ["mayfly ledger summary --run run_…"]).requiredOption(
    "--run <ID>",
    "the run",
  )
  ledger.addHelpText(
    "after",
    examples([
      "mayfly ledger ls --decision deny --since 24h",
      "mayfly ledger summary --run run_…",
      "mayfly ledger export --csv > egress.csv",
      "mayfly ledger verify",
    ]),
  )
}

type SecretsAction = (action: "set" | "ls" | "rm", name: string, flags: SecretsFlags) => Promise<void>

function addSecrets(program: Command, action: SecretsAction): void {
  const secrets = program
    .command("secrets")
    .summary("keep credentials that programs use and never see")
    .description(
      "Secrets are kept encrypted in the data directory. A policy names them (headers, auth, placeholders), and they are added to requests on\n" +
        "their way out.",
    )
  const add = (usage: string, summary: string, lines: readonly string[]): Command =>
    withApiOptions(addCommand(secrets, usage, summary, lines))
  add("set <NAME>", "set a secret; its value is read from stdin", [
    "mayfly secrets set OPENAI_KEY < key.txt",
    "pass show openai | mayfly secrets set OPENAI_KEY --tenant acme",
  ]).action((name: string, flags: SecretsFlags) => action("set", name, flags))
  add("ls", "list names", ["mayfly secrets ls"]).action((flags: SecretsFlags) => action("ls", "", flags))
  add("rm <NAME>", "remove a secret", ["mayfly secrets rm OPENAI_KEY"]).action((name: string, flags: SecretsFlags) =>
    action("rm", name, flags),
  )
  secrets.addHelpText("after", examples(["mayfly secrets set OPENAI_KEY < key.txt", "mayfly secrets ls"]))
}

type KeysAction = (action: "create" | "ls" | "revoke", name: string, flags: KeysFlags) => Promise<void>

function addKeys(program: Command, action: KeysAction): void {
  const keys = program
    .command("keys")
    .summary("make and revoke keys of the HTTP API")
    .description("A key is for certain things (scopes) of one tenant. Only its hash is stored: `create` shows it once.")
  const add = (usage: string, summary: string, lines: readonly string[]): Command =>
    withApiOptions(addCommand(keys, usage, summary, lines))
  add("create <NAME>", "make a key; it alone goes to stdout", [
    "mayfly keys create ci --scope run --tenant acme --expires 90d",
    "mayfly keys create ops --scope admin --all-tenants",
  ])
    .option("--scope <WORD>", "run, workflows, sandboxes, ledger or admin; may be repeated", collect)
    .option("--all-tenants", "an admin key of all tenants; without it the key is of --tenant")
    .option("--expires <TIME>", "when it ends: 30m, 12h, 90d (default never)")
    .action((name: string, flags: KeysFlags) => action("create", name, flags))
  add("ls", "list keys, those too that ended in the last 30 days", ["mayfly keys ls --tenant acme"]).action(
    (flags: KeysFlags) => action("ls", "", flags),
  )
  add("revoke <ID>", "end a key at once", ["mayfly keys revoke key_…"]).action((id: string, flags: KeysFlags) =>
    action("revoke", id, flags),
  )
  keys.addHelpText(
    "after",
    examples(["mayfly keys create ci --scope run --tenant acme --expires 90d", "mayfly keys revoke key_…"]),
  )
}

type ApprovalsAction = (action: "ls" | "allow" | "deny", id: string, flags: ApprovalsFlags) => Promise<void>

function addApprovals(program: Command, action: ApprovalsAction): void {
  const approvals = program
    .command("approvals")
    .summary("answer what programs ask to reach")
    .description('A policy with defaultPolicy "ask" makes a question of each request that no rule names.')
  const add = (usage: string, summary: string, lines: readonly string[]): Command =>
    withApiOptions(addCommand(approvals, usage, summary, lines))
  add("ls", "list questions, the newest last", ["mayfly approvals ls --status pending"])
    .option("--status <WORD>", "pending, allowed, denied or expired")
    .action((flags: ApprovalsFlags) => action("ls", "", flags))
  for (const [word, summary] of [
    ["allow", "let the program go there"],
    ["deny", "refuse it"],
  ] as const) {
    add(`${word} <ID>`, summary, [`mayfly approvals ${word} apr_… --scope worker --for 7d`])
      .option("--scope <WORD>", "once, run, worker or tenant (default once)")
      .option("--for <TIME>", "how long it counts: 30m, 12h, 7d (default 1h)")
      .action((id: string, flags: ApprovalsFlags) => action(word, id, flags))
  }
  approvals.addHelpText(
    "after",
    examples(["mayfly approvals ls --status pending", "mayfly approvals allow apr_… --scope worker --for 7d"]),
  )
}

function addMcp(program: Command, action: (flags: McpFlags) => Promise<void>): void {
  withApiOptions(program.command("mcp"))
    .summary("give an agent tools by the Model Context Protocol (stdio)")
    .description(
      "Speaks MCP on stdin and stdout: run_code, workflows, sandboxes, ask_for_approval; the ledger and runs as resources.\n" +
        "Programs reach only what --allow names; about anything else a person can be asked.",
    )
    .option("--allow <ORIGIN>", "an origin that programs may reach; may be repeated (default: none)", collect)
    .addHelpText(
      "after",
      examples([
        "mayfly mcp --allow https://api.example.com",
        `{ "mcpServers": { "mayfly": { "command": "mayfly", "args": ["mcp"] } } }   in an editor's settings`,
      ]),
    )
    .action(action)
}

function addDoctor(program: Command, action: (flags: { json?: boolean }) => Promise<void>): void {
  program
    .command("doctor")
    .summary("say what works and what protects here")
    .description(
      "Looks at Node, isolated-vm, the jail and the machine, and really runs a program. Exit code 1 when programs can't run.",
    )
    .option("--json", "print one JSON object")
    .addHelpText("after", examples(["mayfly doctor", "mayfly doctor --json"]))
    .action(action)
}

function addBench(program: Command, action: (flags: BenchFlags) => Promise<void>): void {
  program
    .command("bench")
    .summary("measure how fast programs run here")
    .description(
      "Runs a small program from scratch, again and again: in an isolate, and in a worker_thread or a process of its own for comparison.\n" +
        "Takes some 20 seconds. On a busy machine figures say little.",
    )
    .option("--seconds <N>", "how long each is measured, twice (default 2)")
    .option("--clients <N>", "how many runs at once (default 16)")
    .option("--json", "print one JSON object")
    .addHelpText("after", examples(["mayfly bench", "mayfly bench --seconds 10 --clients 64", "mayfly bench --json"]))
    .action(action)
}

function addAttack(program: Command, action: (flags: AttackFlags) => Promise<void>): void {
  program
    .command("attack")
    .summary("attack this installation, and say what held")
    .description(
      "Runs hostile programs with the limits and the network policy that programs get here, each beside one that has to be answered all the same.\n" +
        "Exit code 1 when something did not hold. It reaches no other machine: what it tries to reach is this one.",
    )
    .option("--json", "print one JSON object")
    .addHelpText("after", examples(["mayfly attack", "mayfly attack --json"]))
    .action(action)
}

function addCompletions(program: Command, stdout: NodeJS.WriteStream): void {
  program
    .command("completions")
    .summary("print a script that completes commands in a shell")
    .description(
      "Prints a script for bash, zsh or fish. It asks mayfly what may follow: commands, options, and of a server that runs names and ids.",
    )
    .addArgument(new Argument("<SHELL>", "for which shell").choices(shells))
    .addHelpText(
      "after",
      examples([
        "source <(mayfly completions bash)",
        `mayfly completions zsh > "\${fpath[1]}/_mayfly"`,
        "mayfly completions fish > ~/.config/fish/completions/mayfly.fish",
      ]),
    )
    .action((shell: Shell) => void stdout.write(completions[shell]))
}

/** For the scripts above, and hidden. */
async function printCandidates(
  program: Command,
  words: readonly string[],
  stdout: NodeJS.WriteStream,
): Promise<number> {
  const { complete } = await import("./complete.ts")
  for (const [word, meaning] of await complete(program, words)) stdout.write(`${word}\t${safeLine(meaning)}\n`)
  return 0
}

function collect(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value]
}

function version(): string {
  const { version: found } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string
  }
  return found
}
