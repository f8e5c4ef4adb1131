import {
  createPlatform,
  type DynamicWorkerOptions,
  learnedPolicy,
  planWorker,
  type Platform,
  type Run,
  runToJson,
} from "@mayfly/platform"
import { MayflyError } from "@mayfly/protocol"
import { failedRun, type Program, runProgram, streamProgram } from "@mayfly/server"
import { errorLine, exitCodeOf, exitCodes } from "./command-error.ts"
import { confirm } from "./confirm.ts"
import { listenForInterrupts } from "./interrupts.ts"
import type { Output } from "./output.ts"
import { printLearned } from "./print-learned.ts"
import { printPlan } from "./print-plan.ts"
import { printLog, printResult, printRun } from "./print-run.ts"
import { type ProgramText, readProgram } from "./read-program.ts"
import { parseRunFlags, type RunFlags } from "./run-flags.ts"
import { parseNetworkFlags, type RunNetwork } from "./run-network.ts"
import { watchFiles } from "./watch-files.ts"
import { whenAborted } from "./when-aborted.ts"

/** `mayfly run`: runs a program once, or again at each change. Gives the exit code; never rejects. */
export async function runCommand(file: string, flags: RunFlags, output: Output): Promise<number> {
  using interrupts = listenForInterrupts()
  try {
    if (flags.watch === true && file === "-") throw new MayflyError("input.invalid", "--watch needs a file, not stdin")
    if (flags.learn === true) await confirm(learning, "--yes", flags.yes === true, output)
    const network = parseNetworkFlags(flags)
    // One process and nothing in reserve: what a single run needs, started at once.
    const { secrets } = network
    const platform = await createPlatform({ hosts: 1, isolates: 1, spare: false, secrets })
    const runner = new ProgramRunner({ file, flags, network }, output, platform)
    await using _closed = { [Symbol.asyncDispose]: () => runner.close() }
    const code = flags.watch === true ? await runner.watch(interrupts.signal) : await runner.run(interrupts.signal)
    return interrupts.exitCode ?? code
  } catch (error) {
    return interrupts.exitCode ?? report(error, flags, output)
  }
}

const learning = "With --learn the program may reach every public address while it is observed. Continue?"

interface Given {
  readonly file: string
  readonly flags: RunFlags
  readonly network: RunNetwork
}

class ProgramRunner {
  readonly #file: string
  readonly #flags: RunFlags
  readonly #network: RunNetwork
  readonly #output: Output
  readonly #platform: Platform
  #files: readonly string[] = []

  constructor({ file, flags, network }: Given, output: Output, platform: Platform) {
    this.#file = file
    this.#flags = flags
    this.#network = network
    this.#output = output
    this.#platform = platform
  }

  /** Gives the exit code. */
  async run(signal: AbortSignal): Promise<number> {
    const text = await readProgram(this.#file, signal)
    const { options, call } = parseRunFlags(this.#flags, this.#network)
    const program = { options: { ...options, ...text.source, platform: this.#platform }, call }
    this.#files = text.files
    if (this.#flags.plan === true) return this.#plan(program.options)
    return this.#flags.json === true ? this.#runForPrograms(program, signal) : this.#runForPeople(program, text, signal)
  }

  async #plan(options: DynamicWorkerOptions): Promise<number> {
    const plan = await planWorker(options)
    if (this.#flags.json === true) this.#output.stdout.write(`${JSON.stringify(plan)}\n`)
    else printPlan(this.#output, plan)
    return exitCodes.ok
  }

  close(): Promise<void> {
    return this.#platform.dispose()
  }

  #finished(run: Run): number {
    return run.ok ? exitCodes.ok : exitCodes.failed
  }

  async #runForPrograms(program: Program, signal: AbortSignal): Promise<number> {
    const run = await runProgram(program, signal)
    const learned = this.#flags.learn === true ? { policy: learnedPolicy(run.egress) } : {}
    this.#output.stdout.write(`${JSON.stringify({ ...runToJson(run), ...learned })}\n`)
    return this.#finished(run)
  }

  async #runForPeople(program: Program, { refused }: ProgramText, signal: AbortSignal): Promise<number> {
    let exitCode: number = exitCodes.failed
    for await (const event of streamProgram(program, signal)) {
      if (event.type === "log") printLog(this.#output, event)
      if (event.type === "value") printResult(this.#output, event.value)
      if (event.type !== "result" && event.type !== "error") continue
      this.#print(event.run)
      exitCode = this.#finished(event.run)
    }
    for (const specifier of refused) {
      this.#output.stderr.write(`note: "${specifier}" leads out of the program's folder and was not read\n`)
    }
    return exitCode
  }

  /** What was learned takes the place of the result. */
  #print(run: Run): void {
    const { learn, policy } = this.#flags
    printRun(learn === true ? { ...this.#output, stdout: this.#output.stderr } : this.#output, run)
    if (learn !== true) return
    printLearned(this.#output, run, policy === undefined ? undefined : parseNetworkFlags({ policy }).network)
  }

  /** Runs again at each change until `stop` fires; a run under way is cancelled first. */
  async watch(stop: AbortSignal): Promise<number> {
    for (let count = 0; !stop.aborted; count++) {
      if (count > 0) this.#separate()
      using changes = watchFiles(this.#file, this.#files)
      await this.#runOrReport(AbortSignal.any([stop, changes.signal]))
      changes.alsoWatch(this.#files)
      await whenAborted(AbortSignal.any([stop, changes.signal]))
    }
    return exitCodes.ok
  }

  async #runOrReport(signal: AbortSignal): Promise<void> {
    try {
      await this.run(signal)
    } catch (error) {
      // A mistake in the file may be corrected while we watch.
      if (!signal.aborted) report(error, this.#flags, this.#output)
    }
  }

  #separate(): void {
    const time = new Date().toTimeString().slice(0, 8)
    this.#output.stderr.write(`---- ${time} changed, running again ----\n`)
  }
}

function report(error: unknown, flags: RunFlags, { stdout, stderr }: Output): number {
  if (flags.json === true && error instanceof MayflyError)
    stdout.write(`${JSON.stringify(runToJson(failedRun(error)))}\n`)
  else stderr.write(`${errorLine(error)}\n`)
  return exitCodeOf(error)
}
