/// <reference types="mayfly/worker" />
// A worker for `mayfly serve`: a chat in its own memory, and an echo by a guest whose answer is passed on.
type Socket = InstanceType<typeof WebSocketPair>[0]

const members = new Set<Socket>()
/** Who does not read may hold this much of our memory. */
const maxWaitingBytes = 1 << 20

export default {
  async fetch(request: Request): Promise<Response> {
    if (request.headers.get("upgrade") !== "websocket") return new Response("open a WebSocket", { status: 426 })
    return new URL(request.url).pathname === "/echo" ? echo(request) : join(request)
  },
}

/** Everybody hears what anybody says. */
function join(request: Request): Response {
  const name = new URL(request.url).searchParams.get("name") ?? "somebody"
  const { 0: client, 1: member } = new WebSocketPair()
  member.accept()
  members.add(member)
  member.addEventListener("message", ({ data }) => tellAll(`${name}: ${String(data)}`))
  member.addEventListener("close", () => {
    members.delete(member)
    tellAll(`${name} left`)
  })
  tellAll(`${name} joined`)
  return new Response(null, { status: 101, webSocket: client })
}

function tellAll(text: string): void {
  for (const member of members) {
    if (member.bufferedAmount > maxWaitingBytes) member.close(1013, "too slow")
    else member.send(text)
  }
}

const echoScript = `export default {
  fetch() {
    const { 0: client, 1: server } = new WebSocketPair()
    server.accept()
    server.addEventListener("message", ({ data }) => server.send("echo " + data))
    return new Response(null, { status: 101, webSocket: client })
  },
}`

/** The guest is in an isolate of its own, for as long as its WebSocket is open. */
async function echo(request: Request): Promise<Response> {
  const worker = await DynamicWorker.create({ script: echoScript, limits: { wallMs: 60_000 } })
  return worker.fetch(request)
}
