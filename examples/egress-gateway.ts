// A gateway of the parent's sees every request of the guest, and adds a credential that the guest never has.
import assert from "node:assert/strict"
import { createPlatform, WorkerLoader } from "mayfly"

await using platform = await createPlatform()
const loader = new WorkerLoader({ platform })

class Gateway {
  async fetch(request: Request): Promise<Response> {
    const { hostname } = new URL(request.url)
    if (hostname !== "api.example.com") return new Response("not this host", { status: 403 })
    const headers = new Headers(request.headers)
    headers.set("authorization", "Bearer parent-only")
    // A real gateway would fetch here.
    return Response.json({ sent: headers.get("authorization") === "Bearer parent-only" })
  }
}

const stub = loader.load({
  mainModule: "main.js",
  modules: {
    "main.js": `export default {
      async check() {
        const good = await fetch("https://api.example.com/data")
        const bad = await fetch("https://evil.example/")
        return [await good.json(), bad.status]
      } }`,
  },
  globalOutbound: new Gateway(),
})
assert.deepEqual(await stub.getEntrypoint()["check"]?.(), [{ sent: true }, 403])
