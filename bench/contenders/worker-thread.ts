import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { Worker } from "node:worker_threads"
import { checkAnswer, type Contender } from "./contender.ts"
import { input } from "./program.ts"
import { temporaryFolder } from "./temporary-folder.ts"

const runnerCode = `import { parentPort, workerData } from "node:worker_threads"
import program from "./program.mjs"
parentPort.postMessage(await program(workerData))
`

/** A new worker_thread per run: not a boundary, but often taken for one. */
export async function startWorkerThreads(): Promise<Contender> {
  const folder = temporaryFolder()
  const runner = join(folder, "runner.mjs")
  writeFileSync(runner, runnerCode)
  return {
    async use(script) {
      writeFileSync(join(folder, "program.mjs"), script)
    },
    async run() {
      const worker = new Worker(runner, { workerData: input })
      const [answer] = (await once(worker, "message")) as unknown[]
      checkAnswer(answer)
      await worker.terminate()
    },
    async [Symbol.asyncDispose]() {},
  }
}
