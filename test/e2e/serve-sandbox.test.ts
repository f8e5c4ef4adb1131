import assert from "node:assert/strict"
import { test } from "node:test"
import { serveWorker } from "./serve-project.ts"

test("a served worker opens a sandbox by id and gives a guest a folder of it", { timeout: 90_000 }, async () => {
  const server = await serveWorker(`
    import { sandboxBinding } from "mayfly"
    export default {
      async fetch(request, env) {
        const sandbox = await env.SANDBOX.open("served")
        await sandbox.files.write("secret.txt", "secret")
        const BOX = sandboxBinding(sandbox, { files: "write", prefix: "/workspace/out" })
        const script = \`await env.BOX.files.write("made.txt", "by a guest")
          return env.BOX.files.read("../secret.txt").catch((error) => error.code)\`
        await using guest = await DynamicWorker.create({ script, env: { BOX } })
        const refused = await guest.run()
        const { stdout } = await (await env.SANDBOX.get("served")).exec("cat out/made.txt")
        const same = (await Sandbox.get("served")) === sandbox
        return Response.json({ refused, stdout, same, all: (await env.SANDBOX.list()).map(({ id, tenant }) => [id, tenant]) })
      }
    }`)
  try {
    assert.deepEqual(await (await fetch(server.url)).json(), {
      refused: "sandbox.file",
      stdout: "by a guest",
      same: true,
      all: [["served", "default"]],
    })
  } finally {
    assert.equal(await server.stop(), 0)
  }
})
