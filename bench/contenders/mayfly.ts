import { createPlatform, DynamicWorker } from "@mayfly/platform"
import { checkAnswer, type Contender } from "./contender.ts"
import { input } from "./program.ts"

export interface MayflyMode {
  /** Whether each run creates a worker of code never seen before. */
  readonly isNewCode: boolean
  /** Without it there is no bubblewrap and no seccomp filter around hosts, only Node's permission model. */
  readonly hasJail: boolean
  /** Whether runs take over the isolate of an earlier one. */
  readonly isWarm?: boolean
}

/** Mayfly as a library with its defaults; the bench's driver process is the supervisor. */
export async function startMayfly({ isNewCode, hasJail, isWarm = false }: MayflyMode): Promise<Contender> {
  // The jail is whatever is found; with an empty PATH nothing is.
  if (!hasJail) process.env["PATH"] = ""
  const platform = await createPlatform()
  let script = ""
  let serial = 0
  let worker: DynamicWorker | undefined
  const create = (text: string): Promise<DynamicWorker> => DynamicWorker.create({ script: text, platform })

  async function runNewCode(): Promise<void> {
    await using fresh = await create(`${script}// ${process.pid} ${serial++}\n`)
    checkAnswer(await fresh.run(input))
  }

  return {
    async use(text) {
      script = text
      await worker?.dispose()
      worker = await create(text)
    },
    run: isNewCode ? runNewCode : async () => checkAnswer(await worker?.run(input, { reuse: isWarm })),
    [Symbol.asyncDispose]: () => platform.dispose(),
  }
}
