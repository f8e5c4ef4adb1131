import ivm from "isolated-vm"
import { checkAnswer, type Contender } from "./contender.ts"
import { input } from "./program.ts"

const copied = { arguments: { copy: true }, result: { copy: true } } as const

/**
 * The floor: isolated-vm in the caller's own process. No limits that hold, no jail, no web APIs, and a crash takes the caller along.
 * `isSync` stays on the caller's thread, where an endless loop would stop everything; it is the least that a fresh isolate can cost.
 */
export async function startRawIsolate({ isSync }: { readonly isSync: boolean }): Promise<Contender> {
  let script = ""
  const held: ivm.Isolate[] = []
  const run = isSync ? (): unknown => runSync(script) : (): Promise<unknown> => runAsync(script)
  return {
    async use(text) {
      script = text
    },
    run: async () => checkAnswer(await run()),
    async hold(count) {
      for (let index = 0; index < count; index++) {
        const { isolate, module } = load(script)
        module.evaluateSync()
        held.push(isolate)
      }
    },
    async [Symbol.asyncDispose]() {
      for (const isolate of held) isolate.dispose()
    },
  }
}

function load(script: string): { isolate: ivm.Isolate; module: ivm.Module } {
  const isolate = new ivm.Isolate({ memoryLimit: 128 })
  const context = isolate.createContextSync()
  const module = isolate.compileModuleSync(script)
  module.instantiateSync(context, () => {
    throw new Error("the program imports nothing")
  })
  return { isolate, module }
}

function runSync(script: string): unknown {
  const { isolate, module } = load(script)
  module.evaluateSync()
  const main = module.namespace.getSync("default", { reference: true })
  const answer: unknown = main.applySync(undefined, [input], copied)
  isolate.dispose()
  return answer
}

async function runAsync(script: string): Promise<unknown> {
  const { isolate, module } = load(script)
  await module.evaluate()
  const main = module.namespace.getSync("default", { reference: true })
  const answer: unknown = await main.apply(undefined, [input], copied)
  isolate.dispose()
  return answer
}
