// A JavaScript or TypeScript context. Cells come as lines of JSON on descriptor 3, results go to 4; stdout and stderr stay what they are. V8's own
// REPL mode evaluates: top-level await, and const or let may be declared again in a later cell.
import { createReadStream, writeSync } from "node:fs"
import { Session } from "node:inspector/promises"
import { createRequire, stripTypeScriptTypes } from "node:module"
import { createInterface } from "node:readline"
import { inspect } from "node:util"

const isTypeScript = process.argv[2] === "typescript"
const maxJson = 1_000_000
const session = new Session()
session.connect()

const tell = (event) => writeAll(Buffer.from(`${JSON.stringify(event)}\n`))

function writeAll(bytes) {
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(4, bytes, at)
    } catch (error) {
      if (error.code !== "EAGAIN") throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2)
    }
  }
}

function rich(value) {
  if (typeof value === "object" && value !== null && typeof value.toMimeBundle === "function")
    return value.toMimeBundle()
  const text = { "text/plain": inspect(value, { depth: 4, maxArrayLength: 200 }) }
  if (value instanceof Uint8Array && value[0] === 0x89 && value[1] === 0x50)
    return { "image/png": Buffer.from(value).toString("base64"), "text/plain": `<png, ${value.length} bytes>` }
  if (typeof value !== "object" || value === null) return text
  try {
    const json = JSON.stringify(value)
    if (json !== undefined && json.length < maxJson) return { ...text, "application/json": JSON.parse(json) }
  } catch {
    // It has no JSON form.
  }
  return text
}

let received
Object.defineProperty(globalThis, "__mayflyTake", { value: (value) => (received = value) })
globalThis.require = createRequire(`${process.cwd()}/`)
globalThis.display = (value) => tell({ data: rich(value) })

function failureOf({ exception, text }, thrown) {
  const lines = (thrown instanceof Error ? String(thrown.stack ?? "") : (exception?.description ?? "")).split("\n")
  return {
    name: thrown instanceof Error ? thrown.name : (exception?.className ?? "Error"),
    message: thrown instanceof Error ? thrown.message : String(exception?.description ?? exception?.value ?? text),
    traceback: lines.filter((line) => !/run-javascript|node:internal/.test(line)),
  }
}

async function valueOf({ objectId, value, unserializableValue }) {
  if (objectId === undefined) return unserializableValue === undefined ? value : inspectable(unserializableValue)
  await session.post("Runtime.callFunctionOn", {
    objectId,
    functionDeclaration: "function () { __mayflyTake(this) }",
  })
  return received
}

function inspectable(text) {
  return text.endsWith("n") ? BigInt(text.slice(0, -1)) : Number(text)
}

async function run(code) {
  const expression = isTypeScript ? stripTypeScriptTypes(code, { mode: "transform" }) : code
  const { result, exceptionDetails } = await session.post("Runtime.evaluate", {
    expression,
    replMode: true,
    awaitPromise: true,
  })
  if (exceptionDetails !== undefined) {
    const { exception } = exceptionDetails
    return failureOf(exceptionDetails, exception?.objectId === undefined ? undefined : await valueOf(exception))
  }
  const value = await valueOf(result)
  if (value !== undefined) tell({ data: rich(value), isResult: true })
  return null
}

for await (const line of createInterface({ input: createReadStream("", { fd: 3 }) })) {
  let error = null
  try {
    error = await run(JSON.parse(line).code)
  } catch (thrown) {
    error = { name: thrown.name ?? "Error", message: String(thrown.message ?? thrown), traceback: [] }
  }
  tell({ done: true, error })
}
