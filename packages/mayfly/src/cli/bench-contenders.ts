import { execFile } from "node:child_process"
import { once } from "node:events"
import { promisify } from "node:util"
import { Worker } from "node:worker_threads"
import { createPlatform, DynamicWorker } from "@mayfly/platform"

/** One way to run a program from scratch. */
export interface Contender extends AsyncDisposable {
  readonly name: string
  /** Rejects when the answer is wrong. */
  run(): Promise<void>
}

const program = "(input) => ({ sum: input.a + input.b })"
const input = { a: 1, b: 2 }

/** Mayfly with its defaults, and what people take in its place; the last two hold nothing back that the program tries. */
export const contenders: readonly (() => Promise<Contender>)[] = [
  () => mayfly("mayfly", false),
  () => mayfly("mayfly, reuse", true),
  workerThreads,
  processes,
]

async function mayfly(name: string, reuse: boolean): Promise<Contender> {
  const platform = await createPlatform()
  const worker = await DynamicWorker.create({ script: program, platform })
  return {
    name,
    run: async () => check(await worker.run(input, { reuse })),
    [Symbol.asyncDispose]: () => platform.dispose(),
  }
}

async function workerThreads(): Promise<Contender> {
  const code = `const { parentPort, workerData } = require("node:worker_threads"); parentPort.postMessage((${program})(workerData))`
  return {
    name: "worker_thread per run",
    async run() {
      const worker = new Worker(code, { eval: true, workerData: input })
      const [answer] = (await once(worker, "message")) as unknown[]
      check(answer)
      await worker.terminate()
    },
    async [Symbol.asyncDispose]() {},
  }
}

async function processes(): Promise<Contender> {
  const code = `console.log(JSON.stringify((${program})(JSON.parse(process.argv[1]))))`
  return {
    name: "process per run",
    async run() {
      const { stdout } = await promisify(execFile)(process.execPath, ["-e", code, JSON.stringify(input)])
      check(JSON.parse(stdout))
    },
    async [Symbol.asyncDispose]() {},
  }
}

function check(answer: unknown): void {
  if ((answer as { sum?: unknown } | null)?.sum === 3) return
  throw new Error(`wrong answer: ${JSON.stringify(answer)}`)
}
