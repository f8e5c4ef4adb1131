// Code written for Cloudflare's worker loader: only the line that makes the loader is different.
import assert from "node:assert/strict"
import { createPlatform, WorkerLoader } from "mayfly"

await using platform = await createPlatform()
const env = { LOADER: new WorkerLoader({ platform }) }

const worker = env.LOADER.get("greeter-v1", async () => ({
  compatibilityDate: "2026-01-01",
  mainModule: "main.js",
  modules: {
    "main.js": `
      import { greeting } from "./greeting.js"
      export default {
        async fetch(request, env, ctx) {
          const name = new URL(request.url).searchParams.get("name") ?? "world"
          return new Response(greeting(name, env.PUNCTUATION))
        },
      }`,
    "greeting.js": `export const greeting = (name, punctuation) => "Hello, " + name + punctuation`,
  },
  env: { PUNCTUATION: "!" },
  globalOutbound: null,
}))

const response = await worker.getEntrypoint().fetch("https://example.com/?name=Ada")
assert.equal(await response.text(), "Hello, Ada!")
