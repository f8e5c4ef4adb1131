import { after, test } from "node:test"
import { createPlatform, DynamicWorker, type DynamicWorkerOptions, type Run } from "@mayfly/platform"
import type { MayflyError } from "@mayfly/protocol"
import {
  assertOutcome,
  type CorpusCase,
  type Outcome,
  readCorpus,
  serveCase,
  toolsOf,
  withBase,
} from "../corpus/corpus-case.ts"

const platform = await createPlatform()
after(() => platform.dispose())

for (const given of readCorpus()) {
  test(`corpus through the library: ${given.id}`, async () => {
    const { base, server } = await serveCase(given)
    try {
      const ready = withBase(given, base)
      assertOutcome(ready, await outcomeOf(ready, base))
    } finally {
      server.close()
    }
  })
}

async function outcomeOf(given: CorpusCase, base: string): Promise<Outcome> {
  try {
    const worker = await DynamicWorker.create(optionsOf(given, base))
    return toOutcome(await run(worker, given))
  } catch (error) {
    return failed(error as MayflyError)
  }
}

function optionsOf(given: CorpusCase, base: string): DynamicWorkerOptions {
  const { code, modules, mainModule, language } = given
  const source = code === undefined ? { modules: modules ?? {}, mainModule: mainModule ?? "" } : { script: code }
  return { ...source, language, env: toolsOf(given), network: { allowedOrigins: [base] }, platform }
}

function run(worker: DynamicWorker, { request, input }: CorpusCase): Promise<Run> {
  if (request === undefined) return worker.execute(input)
  const { url, method = "GET", headers = {}, body } = request
  return worker.executeRequest(new Request(url, { method, headers, ...(body === undefined ? {} : { body }) }))
}

function toOutcome(run: Run): Outcome {
  return run.ok ? { ok: true, result: run.result } : failed(run.error)
}

function failed(error: MayflyError): Outcome {
  const { name } = error.details as { name?: string }
  return { ok: false, name: name ?? error.code, message: error.message }
}
