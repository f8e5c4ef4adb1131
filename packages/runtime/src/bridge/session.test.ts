import assert from "node:assert/strict"
import { test } from "node:test"
import { Session, type SessionOptions } from "./session.ts"

class Target {}

class Counter extends Target {
  #count = 0
  add(by: number): number {
    return (this.#count += by)
  }
}

/** Two sessions that talk to each other within the process. */
function pair(): { near: Session; far: Session; released: number[] } {
  const released: number[] = []
  const ends: Session[] = []
  const make = (self: 0 | 1): Session => {
    const other = (): Session => ends[1 - self] as Session
    const options: SessionOptions = {
      wire: {
        call: (id, target, method, { text, buffers }) => void other().onCall(id, target, method, text, [...buffers]),
        answer: (id, ok, { text, buffers }) => other().onAnswer(id, ok, text, [...buffers]),
        release(target, count) {
          released.push(target)
          other().onRelease(target, count)
        },
      },
      isTarget: (value) => value instanceof Target,
      describe: (error) => JSON.stringify({ name: (error as Error).name, message: (error as Error).message }),
      revive(text) {
        const { name, message } = JSON.parse(text) as { name: string; message: string }
        return Object.assign(new Error(message), { name })
      },
      expired: (message) => Object.assign(new Error(message), { code: "expired" }),
      watch() {},
      stacks: false,
    }
    return new Session(options)
  }
  ends.push(make(0), make(1))
  return { near: ends[0] as Session, far: ends[1] as Session, released }
}

test("Session passes functions both ways", async () => {
  const { near, far } = pair()
  const twice = far.decode(near.encode(async (call: (n: number) => Promise<number>) => (await call(20)) + 1)) as (
    call: (n: number) => number,
  ) => Promise<number>
  assert.equal(await twice((n) => n * 2), 41)
})

test("Session gives objects of methods, without what Object has", async () => {
  const { near, far } = pair()
  const stub = far.decode(near.encode({ counter: new Counter() })) as {
    counter: Record<string, (n?: unknown) => Promise<unknown>>
  }
  assert.deepEqual([await stub.counter["add"]?.(2), await stub.counter["add"]?.(3)], [2, 5])
  for (const name of ["constructor", "toString", "hasOwnProperty", "__proto__", "__defineGetter__", "missing"]) {
    await assert.rejects(async () => stub.counter[name]?.(), { message: `there is no method "${name}"` }, name)
  }
  assert.equal(await Promise.resolve(stub.counter), stub.counter)
})

test("Session gives a stub that comes home as the thing itself", async () => {
  const { near, far } = pair()
  const counter = new Counter()
  const identity = far.decode(near.encode((value: unknown) => value === counter)) as (
    value: unknown,
  ) => Promise<boolean>
  const stub = far.decode(near.encode(counter))
  assert.equal(await identity(stub), true)
})

test("Session keeps one stub for one export, and releases it as often as it came", () => {
  const { near, far, released } = pair()
  const call = (): number => 1
  const first = far.decode(near.encode([call, call])) as { [Symbol.dispose](): void }[]
  const again = far.decode(near.encode(call))
  assert.deepEqual([first[0] === first[1], first[0] === again], [true, true])
  first[0]?.[Symbol.dispose]()
  first[0]?.[Symbol.dispose]()
  assert.deepEqual(released, [1])
  assert.equal((near.encode(call).match(/f(\d+)/) ?? [])[1], "2", "it was forgotten and gets a new number")
})

test("Session answers errors by name and message", async () => {
  const { near, far } = pair()
  const fail = far.decode(
    near.encode(() => {
      throw new RangeError("too far")
    }),
  ) as () => Promise<never>
  await assert.rejects(fail(), { name: "RangeError", message: "too far" })
  const bad = far.decode(near.encode(() => new WeakMap())) as () => Promise<never>
  await assert.rejects(bad(), { message: "result is a WeakMap, which can't be cloned" })
})

test("Session refuses forged numbers and nonsense", async () => {
  const { near } = pair()
  near.encode(() => 1)
  for (const [target, method, args] of [
    [99, "", "j[]"],
    [-1, "", "j[]"],
    [NaN, "", "j[]"],
    [1, "call", "j[]"],
    [1, "", "j{}"],
    [1, "", "?"],
  ] as const) {
    assert.equal((await near.perform(target, method, args)).ok, false)
  }
  for (const text of ['t[["f","b7"]]', 't[["f","x1"]]', 't[["f",""]]', 't[["f","s"]]'])
    assert.throws(() => near.decode(text), TypeError)
  near.onAnswer(12, true, "j1")
  near.onRelease(77, 1)
})

test("Session closes pending and later calls", async () => {
  const { near, far } = pair()
  const never = far.decode(near.encode(() => new Promise(() => {}))) as () => Promise<never>
  const pending = assert.rejects(never(), { message: "over" })
  far.close(() => new Error("over"))
  await pending
  await assert.rejects(never(), { message: "over" })
})

test("Session bounds what one side can make the other hold", () => {
  const { near } = pair()
  assert.throws(() => near.encode(Array.from({ length: 10_001 }, () => () => 1)), RangeError)
})

test("Session disposes the stubs of an answer together, and says when nothing is held any more", async () => {
  const { near, far, released } = pair()
  const make = far.decode(
    near.encode(() => ({ counter: new Counter(), twice: (n: number) => n * 2, list: [1] })),
  ) as () => Promise<
    { counter: { add(by: number): Promise<number> }; twice(n: number): Promise<number>; list: number[] } & Disposable
  >
  const result = await make()
  assert.deepEqual(
    [await result.counter.add(2), await result.twice(4), result.list, Object.keys(result)],
    [2, 8, [1], ["counter", "twice", "list"]],
  )
  let isQuiet = false
  near.whenQuiet(() => (isQuiet = true))
  result[Symbol.dispose]()
  result[Symbol.dispose]()
  assert.deepEqual([released.length, isQuiet], [2, false])
  await assert.rejects(result.twice(1), { code: "expired" })
  ;(make as unknown as Disposable)[Symbol.dispose]()
  assert.equal(isQuiet, true)
})

test("Session passes generators: a step per call, return when the reader leaves, errors as they are", async () => {
  const { near, far } = pair()
  const steps: unknown[] = []
  async function* count(): AsyncGenerator<number> {
    try {
      for (let n = 0; ; n++) {
        steps.push(n)
        yield n
        if (n === 3) throw new RangeError("far")
      }
    } finally {
      steps.push("closed")
    }
  }
  const read = async (most: number): Promise<unknown[]> => {
    const values: unknown[] = []
    const { all } = far.decode(near.encode({ all: count() })) as { all: AsyncIterable<number> }
    for await (const value of all) if (values.push(value) === most) break
    return values
  }
  assert.deepEqual(
    [await read(2), steps.splice(0)],
    [
      [0, 1],
      [0, 1, "closed"],
    ],
  )
  await assert.rejects(read(9), { name: "RangeError", message: "far" })
  assert.deepEqual([steps, near.exportCount], [[0, 1, 2, 3, "closed"], 0])
})

test("Session that is restarted keeps the pinned stubs and forgets the others; late answers go nowhere", async () => {
  const { near, far } = pair()
  let answer: (value: string) => void = () => {}
  const kept = far.decode(near.encode(() => "kept")) as () => Promise<string>
  far.pin()
  const lost = far.decode(near.encode(() => "lost")) as () => Promise<string>
  const slow = near.decode(far.encode(() => new Promise((resolve) => (answer = resolve)))) as () => Promise<string>
  const waiting = slow()
  far.restart()
  assert.equal(await kept(), "kept")
  await assert.rejects(lost(), { code: "expired" })
  answer("late")
  // A call of the new run would have been given the old one's answer.
  const settled = await Promise.race([waiting, kept()])
  assert.equal(settled, "kept")
})
