import assert from "node:assert/strict"
import { test } from "node:test"
import { MayflyError } from "@mayfly/protocol"
import { RpcTarget } from "../bridge/rpc-target.ts"
import { bindEnv } from "./env-bindings.ts"
import { RunSession } from "./run-session.ts"

interface Sent {
  readonly id: number
  readonly call: string
  readonly args: string
}

/** A session whose guest is this test. */
function session(env: Record<string, unknown> = {}): { own: RunSession; sent: Sent[]; released: number[][] } {
  const own = new RunSession(bindEnv(env), 1_000)
  const sent: Sent[] = []
  const released: number[][] = []
  own.connect({
    invoke: (id, call, args) => sent.push({ id, call, args }),
    release: (target, count) => released.push([target, count]),
    renew: (id, call, args) => sent.push({ id, call, args }),
    hold() {},
  })
  return { own, sent, released }
}

class Cell extends RpcTarget {
  add(n: number): number {
    return n
  }
}

test("RunSession refuses calls that are forged, whatever they name", async () => {
  const { own } = session({ f: () => 1, cell: () => new Cell() })
  const forged: Record<string, RegExp> = {
    "": /malformed call/,
    "0": /malformed call/,
    "0\nx": /malformed call/,
    "\n\nj[]": /no such function/,
    "9\n\nj[]": /no such function/,
    "1e400\n\nj[]": /no such function/,
    "-1\n\nj[]": /no such function/,
    "__proto__\n\nj[]": /no such function/,
    "0\ncall\nj[]": /there is no method/,
    "0\n__proto__\nj[]": /there is no method/,
    "0\n\n": /./,
    "0\n\nj{}": /malformed arguments/,
    "0\n\nj1": /malformed arguments/,
    "0\n\nx[]": /malformed clone/,
    '0\n\nt[["a",4294967295]]': /malformed clone/,
    '0\n\nt[["a",1,1],["f","b7"]]': /no such function/,
    '0\n\nt[["a",1,1],["f","zz"]]': /unknown stub/,
    '0\n\nt[["a",1,1],["f","s"]]': /unknown special/,
    '0\n\nt[["a",1,1],["f","squ"]]': /./,
  }
  for (const [payload, message] of Object.entries(forged)) {
    const answer = await own.perform(payload)
    assert.ok(!answer.ok && message.test(answer.message), `${JSON.stringify(payload)}: ${JSON.stringify(answer)}`)
  }
  assert.deepEqual(await own.perform("0\n\nj[]"), { ok: true, text: "j1" })
  // The target that was handed out has number 2; only its own methods can be called.
  assert.deepEqual(await own.perform("1\n\nj[]"), { ok: true, text: 't[["f","o2"]]' })
  assert.deepEqual(await own.perform("2\nadd\nj[5]"), { ok: true, text: "j5" })
  for (const method of ["constructor", "hasOwnProperty", "__defineGetter__", "then", ""]) {
    assert.equal((await own.perform(`2\n${method}\nj[]`)).ok, false, method)
  }
})

test("RunSession ignores answers and releases that nobody waits for", async () => {
  const { own, sent } = session({ keep: (call: () => Promise<unknown>) => call() })
  for (const [id, text] of [
    [0, "+j1"],
    [1, "+j1"],
    [NaN, ""],
    [-1, "-{}"],
  ] as const)
    own.onReply(id, text)
  for (const [target, count] of [
    [0, 1],
    [7, 1e9],
    [NaN, NaN],
  ] as const)
    own.onRelease(target, count)
  const answer = own.perform('0\n\nt[["a",1,1],["f","f3"]]')
  assert.deepEqual(sent, [{ id: 1, call: "3\n", args: "j[]" }])
  own.onReply(1, "+j42")
  own.onReply(1, "+j43")
  assert.deepEqual(await answer, { ok: true, text: "j42" })
})

test("RunSession turns answers that can't be read into failures of their calls", async () => {
  const { own } = session()
  for (const [at, text] of ["+", "+x", "-", "-{", "-null", "-5", "", "+t[]", '+t[["f","b9"]]'].entries()) {
    const call = own.call(1, "x")
    own.onReply(at + 1, text)
    await assert.rejects(call, Error, JSON.stringify(text))
  }
  const failed = own.call(1, "x")
  own.onReply(10, JSON.stringify({ name: "x".repeat(1e6), message: "m".repeat(1e6), code: 5 }).replace(/^/, "-"))
  await assert.rejects(failed, (error: Error) => error.name.length === 16_384 && error.message.length === 16_384)
})

test("RunSession bounds what it hands out, and what it answers", async () => {
  const { own } = session({ make: () => new Cell(), big: () => "x".repeat(2_000) })
  let last = await own.perform("0\n\nj[]")
  for (let count = 0; count < 10_001 && last.ok; count++) last = await own.perform("0\n\nj[]")
  assert.ok(!last.ok && last.message.includes("too many functions and streams"))
  const big = await own.perform("1\n\nj[]")
  assert.ok(!big.ok && big.code === "worker.memory-limit")
})

test("RunSession fails calls under way with the run's error, and later ones as expired because of it", async () => {
  const { own, released } = session()
  const [call, other] = own.decodeResult('t[["a",2,1,2],["f","f1"],["f","o2"]]') as [
    (() => Promise<unknown>) & Disposable,
    Record<string, () => Promise<unknown>>,
  ]
  const underWay = call()
  const reason = new MayflyError("worker.cpu-limit", "too much")
  own.close(reason)
  await assert.rejects(underWay, (error) => error === reason)
  for (const later of [call, () => other["x"]?.()]) {
    await assert.rejects(
      async () => later(),
      (error: MayflyError) => error.code === "worker.stub-expired" && error.cause === reason,
    )
  }
  call[Symbol.dispose]()
  assert.deepEqual(released, [])
})
