import type { Run } from "@mayfly/platform"
import { jsonLine, MayflyError } from "@mayfly/protocol"
import { failedRun } from "@mayfly/server/parse"
import { errorLine, exitCodeOf, exitCodes } from "./command-error.ts"
import { confirm } from "./confirm.ts"
import { listenForInterrupts } from "./interrupts.ts"
import type { Output } from "./output.ts"
import { printPlan } from "./print-plan.ts"
import { printLog, printResult, printRun } from "./print-run.ts"
import { type ProgramText, readProgram } from "./read-program.ts"
import { parseRunFlags, type RunFlags } from "./run-flags.ts"
import { parseNetworkFlags, type RunNetwork } from "./run-network.ts"
import type { Call, GivenProgram, RunPlace } from "./run-place.ts"
import { safeLine } from "./safe-line.ts"
import { spin } from "./spinner.ts"
import { watchFiles } from "./watch-files.ts"
import { whenAborted } from "./when-aborted.ts"

/** `mayfly run`: runs a program once, or again at each change. Gives the exit code; never rejects. */
export async function runCommand(file: string, flags: RunFlags, output: Output): Promise<number> {
  using interrupts = listenForInterrupts()
  try {
    if (flags.watch === true && file === "-") throw new MayflyError("input.invalid", "--watch needs a file, not stdin")
    if (flags.learn === true) await confirm(learning, "--yes", flags.yes === true, output)
    const network = parseNetworkFlags(flags)
    await using runner = new ProgramRunner({ file, flags, network }, output)
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

class ProgramRunner implements AsyncDisposable {
  readonly #given: Given
  readonly #flags: RunFlags
  readonly #output: Output
  #place: RunPlace | undefined
  #files: readonly string[] = []

  constructor(given: Given, output: Output) {
    this.#given = given
    this.#flags = given.flags
    this.#output = output
  }

  /** Gives the exit code. */
  async run(signal: AbortSignal): Promise<number> {
    const { file, flags, network } = this.#given
    // What is wrong is said before anything is loaded or started.
    const parsed = parseRunFlags(flags, network)
    const text = await readProgram(file, signal)
    this.#files = text.files
    if (flags.plan === true) return this.#plan({ ...parsed, text })
    this.#place ??= await openPlace(flags, network)
    const call = this.#place.call({ ...parsed, text }, signal)
    return flags.json === true ? this.#runForPrograms(call) : this.#runForPeople(call, text)
  }

  async #plan(program: GivenProgram): Promise<number> {
    const { openHere } = await import("./run-here.ts")
    await using here = await openHere(this.#given.network)
    const plan = await here.plan(program)
    if (this.#flags.json === true) this.#output.stdout.write(jsonLine(plan))
    else printPlan(this.#output, plan)
    return exitCodes.ok
  }

  async #runForPrograms(call: Call): Promise<number> {
    const run = await call.end()
    const learned = this.#flags.learn === true ? await import("@mayfly/platform") : undefined
    const policy = learned === undefined ? {} : { policy: learned.learnedPolicy(run.egress) }
    this.#output.stdout.write(jsonLine({ ...run, ...policy }))
    return run.ok ? exitCodes.ok : exitCodes.failed
  }

  async #runForPeople(call: Call, { refused }: ProgramText): Promise<number> {
    let exitCode: number = exitCodes.failed
    using waiting = spin("running", this.#output)
    for await (const event of call.events()) {
      // Its line would stand among the program's own.
      waiting[Symbol.dispose]()
      if (event.type === "log") printLog(this.#output, event)
      if (event.type === "value") printResult(this.#output, event.value)
      if (event.type !== "result" && event.type !== "error") continue
      await this.#print(event.run)
      exitCode = event.run.ok ? exitCodes.ok : exitCodes.failed
    }
    for (const specifier of refused) {
      const text = `note: "${specifier}" leads out of the program's folder and was not read`
      this.#output.stderr.write(`${safeLine(text)}\n`)
    }
    return exitCode
  }

  /** What was learned takes the place of the result. */
  async #print(run: Run): Promise<void> {
    const { learn, policy } = this.#flags
    printRun(learn === true ? { ...this.#output, stdout: this.#output.stderr } : this.#output, run)
    if (learn !== true) return
    const { printLearned } = await import("./print-learned.ts")
    printLearned(this.#output, run, policy === undefined ? undefined : parseNetworkFlags({ policy }).network)
  }

  /** Runs again at each change until `stop` fires; a run under way is cancelled first. */
  async watch(stop: AbortSignal): Promise<number> {
    const { file } = this.#given
    for (let count = 0; !stop.aborted; count++) {
      if (count > 0) this.#separate()
      using changes = watchFiles(file, this.#files)
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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#place?.[Symbol.asyncDispose]()
  }
}

/** MAYFLY_URL and MAYFLY_PROFILE don't count: code goes to another machine only when this very command says so. Each is loaded when it is needed. */
async function openPlace(flags: RunFlags, network: RunNetwork): Promise<RunPlace> {
  if (flags.url === undefined && flags.profile === undefined) return (await import("./run-here.ts")).openHere(network)
  return (await import("./remote-run.ts")).openThere(flags, network)
}

function report(error: unknown, flags: RunFlags, { stdout, stderr }: Output): number {
  if (flags.json === true && error instanceof MayflyError)
    stdout.write(jsonLine({ ...failedRun(error), error: error.toJSON() }))
  else stderr.write(`${errorLine(error)}\n`)
  return exitCodeOf(error)
}
