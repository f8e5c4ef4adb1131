import assert from "node:assert/strict"
import { test } from "node:test"
import { MayflyError } from "@mayfly/protocol"
import { decodeValue, encodeValue } from "@mayfly/protocol/clone"
import type { CallAnswer } from "../pool/isolate-pool.ts"
import { bindEnv } from "./env-bindings.ts"
import { RunSession } from "./run-session.ts"

class Database {
  #rows = ["a", "b"]
  secret = "not shown"
  async query(limit: number): Promise<string[]> {
    return this.#rows.slice(0, limit)
  }
}

class Cached extends Database {
  name(): string {
    return "cached"
  }
}

type Guest = Record<string, unknown>

/** What a guest would see: stubs are their numbers. */
function seen(env: Guest): Guest {
  return decodeValue(bindEnv(env).encoded, { onStub: (stub) => `stub ${stub.slice(1)}` }) as Guest
}

async function call(env: Guest, stub: number, ...args: unknown[]): Promise<CallAnswer> {
  return new RunSession(bindEnv(env)).perform(`${stub}\n\n${encodeValue(args)}`)
}

test("bindEnv passes data as it is and functions as stubs, nested to any depth", () => {
  const date = new Date(1)
  assert.deepEqual(seen({ n: 1n, date, deep: { list: [() => 1] }, f: () => 2 }), {
    n: 1n,
    date,
    deep: { list: ["stub 0"] },
    f: "stub 1",
  })
})

test("bindEnv shows the methods of a class instance, own and inherited, and no fields", () => {
  assert.deepEqual(seen({ db: new Cached() }), { db: { name: "stub 0", query: "stub 1" } })
})

test("bindEnv calls keep this and private fields", async () => {
  assert.deepEqual(await call({ db: new Cached() }, 1, 1), { ok: true, text: encodeValue(["a"]) })
  const counter = { count: 41, next() { return ++this.count } } // oxfmt-ignore
  assert.deepEqual(await call({ counter }, 0), { ok: true, text: "j42" })
})

test("bindEnv keeps name, message and code of errors, and neither stack nor cause", async () => {
  const failing = (): never => {
    throw Object.assign(new RangeError("too far", { cause: new Error("inner") }), { code: "E_FAR" })
  }
  assert.deepEqual(await call({ failing }, 0), { ok: false, name: "RangeError", message: "too far", code: "E_FAR" })
  assert.deepEqual(await call({ bad: () => Promise.reject("text") }, 0), { ok: false, name: "Error", message: "text" })
})

test("bindEnv names the path of what can't be passed, in env and in results", async () => {
  assert.throws(
    () => bindEnv({ deep: { promise: Promise.resolve() } }),
    (error) =>
      error instanceof MayflyError &&
      error.code === "worker.not-serializable" &&
      error.details["path"] === "env.deep.promise",
  )
  assert.deepEqual(await call({ db: { open: () => ({ handle: new WeakMap() }) } }, 0), {
    ok: false,
    name: "DataCloneError",
    message: "env.db.open().handle is a WeakMap, which can't be cloned",
    code: "worker.not-serializable",
  })
})

test("bindEnv calls nothing that env does not hold", async () => {
  const session = new RunSession(bindEnv({ f: () => 1 }))
  const forged = [
    "1\n\nj[]",
    "-1\n\nj[]",
    "constructor\n\nj[]",
    "\n\nj[]",
    "",
    "0.5\n\nj[]",
    "0\n\nnonsense",
    "0\n\nj{}",
    "0\nj[]",
  ]
  forged.push("0\ncall\nj[]", "0\nconstructor\nj[]", "length\n\nj[]")
  for (const payload of forged) assert.equal((await session.perform(payload)).ok, false, payload)
})
