import { after, test } from "node:test"
import { createPlatform } from "@mayfly/platform"
import { createKey, createServer, hashKey } from "@mayfly/server"
import { assertOutcome, type CorpusCase, readCorpus, serveCase, withBase } from "../corpus/corpus-case.ts"
import { outcomeOfJson } from "../corpus/outcome-of-json.ts"

const platform = await createPlatform()
after(() => platform.dispose())
const key = createKey()
const { app } = createServer({ platform, keyHashes: [hashKey(key)] })

for (const given of readCorpus().filter(({ tools }) => Object.keys(tools).length === 0)) {
  test(`corpus through HTTP: ${given.id}`, async () => {
    const { base, server } = await serveCase(given)
    try {
      const ready = withBase(given, base)
      assertOutcome(ready, outcomeOfJson(await post(ready, base)))
    } finally {
      server.close()
    }
  })
}

async function post(
  { code, modules, mainModule, input, request, language }: CorpusCase,
  base: string,
): Promise<unknown> {
  const network = { allowedOrigins: [base] }
  const body = JSON.stringify({
    script: code,
    modules,
    mainModule,
    input: request === undefined ? input : undefined,
    request,
    language,
    network,
  })
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" }
  const response = await app.request("/v1/run", { method: "POST", headers, body })
  return response.json()
}
