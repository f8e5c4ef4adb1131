// An agent that has been taken over: says that it is there, and answers every call with one of its lies.
const { Socket } = require("node:net")

const [open, message, data, end, , close] = [0, 1, 2, 3, 4, 5]
const senseless = [
  null, 1, "x", [], [1], true, {}, { size: -1 }, { size: 1e300 }, { size: "1" }, { code: "0" }, { code: -5 }, { code: 1.5 },
  { code: 0, signal: 5 }, { code: 0, signal: "rm -rf" }, { code: 999, signal: null }, { code: 0, signal: null, isTimedOut: "yes" },
  { code: 0, signal: null, cwd: 5 }, { path: "../../etc", type: "file", size: 1, mode: 1, modifiedAt: 1 },
  { path: {}, type: "file", size: 1, mode: 1, modifiedAt: 1 }, { path: "x", type: "file", size: 1e20, mode: -1, modifiedAt: "now" },
  { error: { name: {}, message: [], traceback: { length: 1e9 } } }, { isCut: 1 }, { __proto__: null, toString: 1 },
] // oxfmt-ignore
const texts = ["{", "null", "[]", '{"path":1}\n', "\xff\xfe", "x".repeat(9_000), '{"data":{"text/plain":{}}}\n', '{"type":"create","path":5}\n\n'] // oxfmt-ignore

const socket = new Socket({ fd: Number(process.env.MAYFLY_LINK), readable: true, writable: true })
socket.on("close", () => process.exit(0)).on("error", () => process.exit(0))
let rest = Buffer.alloc(0)
let hasBegun = false
socket.on("data", (chunk) => {
  rest = Buffer.concat([rest, chunk])
  while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32LE(0)) {
    const frame = rest.subarray(4, 4 + rest.readUInt32LE(0))
    rest = rest.subarray(4 + frame.length)
    if (frame.readUInt8(0) === open) lie(frame.readUInt32LE(1))
  }
})

function pick(list) {
  return list[Math.floor(Math.random() * list.length)]
}

function send(type, channel, payload) {
  const bytes = Buffer.from(payload)
  const head = Buffer.alloc(9)
  head.writeUInt32LE(5 + bytes.length, 0)
  head.writeUInt8(type, 4)
  head.writeUInt32LE(channel, 5)
  socket.write(Buffer.concat([head, bytes]))
}

function lie(channel) {
  if (!hasBegun) {
    hasBegun = true
    return send(close, channel, '{"ok":{}}')
  }
  const value = () => JSON.stringify(pick(senseless))
  if (Math.random() < 0.7) send(message, channel, pick(['{"pid":1}', '{"pid":-1}', '{"pid":{}}', '{"watching":[]}', `{"x":${value()}}`])) // oxfmt-ignore
  for (let stream = 0; stream < 4; stream++) {
    if (Math.random() < 0.5) send(data, channel, Buffer.concat([Buffer.of(stream), Buffer.from(pick(texts), "latin1")]))
    if (Math.random() < 0.3) send(end, channel, Buffer.of(stream))
  }
  const error = pick(['{"error":5}', '{"error":{"code":5,"message":{}}}', '{"error":{"code":"ENOENT","message":"no"}}', "{}", '{"error":{"code":"E","message":"' + "m".repeat(5_000) + '"}}']) // oxfmt-ignore
  send(close, channel, Math.random() < 0.6 ? `{"ok":${value()}}` : error)
}
