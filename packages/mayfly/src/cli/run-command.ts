import {
  createPlatform,
  type DynamicWorkerOptions,
  learnedPolicy,
  planWorker,
  type Platform,
  type Run,
  type RunEvent,
  runToJson,
} from "@mayfly/platform"
import { MayflyError, type RunJson } from "@mayfly/protocol"
import { failedRun, runProgram, streamProgram } from "@mayfly/server"
import { errorLine, exitCodeOf, exitCodes } from "./command-error.ts"
import { confirm } from "./confirm.ts"
import { listenForInterrupts } from "./interrupts.ts"
import { type Api, openApi } from "./open-api.ts"
import type { Output } from "./output.ts"
import { printLearned } from "./print-learned.ts"
import { printPlan } from "./print-plan.ts"
import { printLog, printResult, printRun } from "./print-run.ts"
import { type ProgramText, readProgram } from "./read-program.ts"
import { remoteRunBody, remoteRunEvents, remoteRunJson } from "./remote-run.ts"
import { parseRunFlags, type RunFlags } from "./run-flags.ts"
import { parseNetworkFlags, type RunNetwork } from "./run-network.ts"
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
    await using place = await openPlace(flags, network)
    const runner = new ProgramRunner({ file, flags, network }, output, place)
    const code = flags.watch === true ? await runner.watch(interrupts.signal) : await runner.run(interrupts.signal)
    return interrupts.exitCode ?? code
  } catch (error) {
    return interrupts.exitCode ?? report(error, flags, output)
  }
}

/** Where programs run: here, or on a server that was named. Whoever opened it disposes it. */
type Place = AsyncDisposable & ({ readonly platform: Platform } | { readonly api: Api })

/** MAYFLY_URL and MAYFLY_PROFILE don't count: code goes to another machine only when this very command says so. */
async function openPlace(flags: RunFlags, { secrets }: RunNetwork): Promise<Place> {
  if ((flags.url !== undefined || flags.profile !== undefined) && flags.plan !== true) {
    const api = await openApi({ ...flags })
    return { api, [Symbol.asyncDispose]: () => api[Symbol.asyncDispose]() }
  }
  // One process and nothing in reserve: what a single run needs, started at once.
  const platform = await createPlatform({ hosts: 1, isolates: 1, spare: false, secrets })
  return { platform, [Symbol.asyncDispose]: () => platform.dispose() }
}

/** One call of a program, as its end or as events. */
interface Call {
  end(): Promise<RunJson>
  events(): AsyncIterable<RunEvent>
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
  readonly #place: Place
  #files: readonly string[] = []

  constructor({ file, flags, network }: Given, output: Output, place: Place) {
    this.#file = file
    this.#flags = flags
    this.#network = network
    this.#output = output
    this.#place = place
  }

  /** Gives the exit code. */
  async run(signal: AbortSignal): Promise<number> {
    const text = await readProgram(this.#file, signal)
    this.#files = text.files
    const call = this.#call(text, signal)
    if (call instanceof Promise) return call
    return this.#flags.json === true ? this.#runForPrograms(call) : this.#runForPeople(call, text)
  }

  /** The call, or the exit code of what was asked in its place. */
  #call(text: ProgramText, signal: AbortSignal): Call | Promise<number> {
    if ("api" in this.#place) {
      const { api } = this.#place
      const body = remoteRunBody(this.#flags, this.#network, text)
      return { end: () => remoteRunJson(api, body, signal), events: () => remoteRunEvents(api, body, signal) }
    }
    const { options, call } = parseRunFlags(this.#flags, this.#network)
    const program = { options: { ...options, ...text.source, platform: this.#place.platform }, call }
    if (this.#flags.plan === true) return this.#plan(program.options)
    return {
      end: async () => runToJson(await runProgram(program, signal)),
      events: () => streamProgram(program, signal),
    }
  }

  async #plan(options: DynamicWorkerOptions): Promise<number> {
    const plan = await planWorker(options)
    if (this.#flags.json === true) this.#output.stdout.write(`${JSON.stringify(plan)}\n`)
    else printPlan(this.#output, plan)
    return exitCodes.ok
  }

  async #runForPrograms(call: Call): Promise<number> {
    const run = await call.end()
    const learned = this.#flags.learn === true ? { policy: learnedPolicy(run.egress) } : {}
    this.#output.stdout.write(`${JSON.stringify({ ...run, ...learned })}\n`)
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
      this.#print(event.run)
      exitCode = event.run.ok ? exitCodes.ok : exitCodes.failed
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
