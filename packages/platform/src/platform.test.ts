import assert from "node:assert/strict"
import { after, test } from "node:test"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { createPlatform, DynamicWorker } from "./index.ts"

const server = createServer((_request, response) => response.end("reached"))
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
after(() => server.close())
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

test("createPlatform refuses wrong options, naming them", async () => {
  const wrong: [object, string][] = [
    [{ hosts: 0 }, "hosts"],
    [{ isolates: -1 }, "isolates"],
    [{ nonsense: 1 }, "nonsense"],
    [{ dataDir: "" }, "dataDir"],
    [{ network: { allowedOrigins: ["*"] } }, "network.allowedOrigins[0]"],
  ]
  for (const [options, path] of wrong) {
    await assert.rejects(createPlatform(options), (error: { code: string; message: string }) => {
      return error.code === "input.invalid" && error.message.includes(path)
    })
  }
})

test("createPlatform gives its network policy to workers that bring none", async () => {
  await using platform = await createPlatform({ hosts: 1, spare: false, network: { allowedOrigins: [origin] } })
  const script = `return (await fetch("${origin}/")).text()`
  const open = await DynamicWorker.create({ script, platform })
  assert.equal(await open.run(), "reached")
  const closed = await DynamicWorker.create({ script, platform, network: {} })
  await assert.rejects(closed.run(), { code: "mesh.denied" })
})

test("platform.env.LOADER loads workers", async () => {
  await using platform = await createPlatform({ hosts: 1, spare: false })
  const stub = platform.env.LOADER.load({ mainModule: "a.js", modules: { "a.js": "export default { one: () => 1 }" } })
  assert.equal(await stub.getEntrypoint()["one"]?.(), 1)
})
