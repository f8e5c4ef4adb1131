import assert from "node:assert/strict"
import { test } from "node:test"
import type { Program } from "./ports.ts"
import { type Fault, program, randomOf, type Step, turn, World } from "./world.fixture.ts"

const turns = async (count: number): Promise<void> => {
  for (let n = 0; n < count; n++) await turn()
}

/** Every kind of step, names that repeat in parallel, a race, a retry, an event. */
const everything =
  (random: () => number) =>
  async (step: Step): Promise<unknown> => {
    const pause = (): Promise<void> => turns(Math.floor(random() * 6))
    const a = await step.do("a", () => 1)
    const branches = await Promise.all(
      ["x", "y", "z"].map(async (branch) => {
        const fetched = await step.do(`fetch ${branch}`, async () => {
          await pause()
          return branch
        })
        const saved = await step.do("save", async () => {
          await pause()
          return `${fetched as string}!`
        })
        return `${fetched as string}:${saved as string}`
      }),
    )
    const flaky = await step.do(
      "flaky",
      ({ attempt }) => {
        if (attempt < 3) throw new Error("not yet")
        return attempt
      },
      { retries: { limit: 4, delayMs: 2, backoff: "linear" } },
    )
    await step.sleep("nap", { ms: 15 })
    const event = await step.waitForEvent("approval", "go")
    const first = await Promise.race([
      step.do("slow", async () => {
        await turns(12)
        return "slow"
      }),
      step.do("fast", () => "fast"),
    ])
    const outer = await step.do("outer", async ({ step: inner }) => {
      const one = await inner.do("inner", () => 1)
      await inner.sleep("rest", { ms: 5 })
      return [one, await inner.do("inner", () => 2)]
    })
    return { a, branches, flaky, event, first, outer, last: await step.do("last", () => "end") }
  }

const expected = {
  a: 1,
  branches: ["x:x!", "y:y!", "z:z!"],
  flaky: 3,
  event: { type: "go", payload: "yes" },
  outer: [1, 2],
  last: "end",
}

async function outcome(world: World, code: Program): Promise<unknown> {
  world.send("go", "yes")
  const finish = await world.toEnd(code)
  assert.equal(finish.status, "complete", JSON.stringify(finish))
  const { first, ...rest } = JSON.parse((finish as { value: string }).value) as { first: string }
  assert.ok(["fast", "slow"].includes(first))
  return rest
}

test("Activation runs steps of all kinds and leaves a row for each", async () => {
  const world = new World()
  const result = await world.activate(
    program(world, async (step) => {
      const one = await step.do("one", () => ({ n: 1 }))
      const two = await step.do("two", () => undefined)
      return [one, two ?? "nothing"]
    }),
  )
  assert.deepEqual(result, {
    kind: "finished",
    finish: { status: "complete", value: JSON.stringify([{ n: 1 }, "nothing"]) },
  })
  assert.deepEqual(
    world.journal.map(({ seq, key, phase, attempt }) => [seq, key, phase, attempt]),
    [
      [1, "do:one#1", "ok", 1],
      [2, "do:two#1", "ok", 1],
    ],
  )
  assert.deepEqual(world.ran, ["do:one#1 1", "do:two#1 1"])
})

test("Activation replays to the same result when it is given up after any commit", async () => {
  const seed = Number(process.env["MAYFLY_SEED"] ?? Date.now() % 100_000)
  for (let at = 1; at < 60; at++) {
    for (const fault of ["lost", "unknown"] as const) {
      const world = new World((commit) => (commit === at ? fault : "none"))
      assert.deepEqual(await outcome(world, program(world, everything(randomOf(seed + at)))), expected, `seed ${seed}`)
      checkJournal(world)
      if (world.commits < at) return
    }
  }
})

test("Activation gives the same result when commits are lost, unknown or late at random", async () => {
  const seed = Number(process.env["MAYFLY_SEED"] ?? Date.now() % 100_000)
  for (let round = 0; round < 60; round++) {
    const random = randomOf(seed * 1_000 + round)
    const faults: Fault[] = ["lost", "unknown", "late"]
    const world = new World(() => (random() < 0.3 ? (faults[Math.floor(random() * 3)] ?? "none") : "none"))
    assert.deepEqual(
      await outcome(world, program(world, everything(random))),
      expected,
      `MAYFLY_SEED=${seed} round ${round}`,
    )
    checkJournal(world)
  }
})

/** One completion per step, and no body ran again after its completion was written. */
function checkJournal(world: World): void {
  const completed = world.journal.filter(({ phase }) => phase === "ok" || phase === "err").map(({ key }) => key)
  assert.equal(new Set(completed).size, completed.length, completed.join())
}

test("Activation keeps the winner of a race", async () => {
  for (let round = 0; round < 30; round++) {
    const random = randomOf(round)
    const winners: unknown[] = []
    const world = new World(() => (random() < 0.25 ? "unknown" : "none"))
    const racers = ["one", "two", "three"]
    await world.toEnd(
      program(world, async (step) => {
        const winner = await Promise.race(
          racers.map((name) =>
            step.do(name, async () => {
              await turns(Math.floor(random() * 5))
              return name
            }),
          ),
        )
        winners.push(winner)
        await step.do("after", () => winner)
        await step.do("later", () => winner)
        return winner
      }),
    )
    assert.equal(new Set(winners).size, 1, winners.join())
  }
})

test("Activation waits for a row whose commit is late before it shows a later one", async () => {
  const world = new World((commit) => (commit === 1 ? "late" : "none"))
  const seen: unknown[] = []
  const finish = await world.toEnd(
    program(world, async (step) => {
      const tell = async (name: string): Promise<void> => void seen.push(await step.do(name, () => name))
      await Promise.all([tell("first"), tell("second"), tell("third")])
    }),
  )
  assert.equal(finish.status, "complete")
  assert.deepEqual(seen, ["first", "second", "third"])
})

test("Activation names the step when the code takes another way in a replay", async () => {
  let round = 0
  const world = new World((commit) => (commit === 3 ? "lost" : "none"))
  const finish = await world.toEnd(
    program(world, async (step) => {
      const isFirst = ++round === 1
      await step.do("start", () => 1)
      await step.do(isFirst ? "charge" : "refund", () => 2)
      await step.do("end", () => 3)
    }),
  )
  assert.deepEqual(finish, {
    status: "errored",
    failure: JSON.stringify({
      kind: "nondeterminism",
      message:
        'the journal continues with step "charge", but the code asked for step "refund": it took another way than before, though its steps gave the same results',
    }),
  })
  assert.deepEqual(world.ran, ["do:start#1 1", "do:charge#1 1", "do:end#1 1"])
})

test("Activation notices code that ends before the journal does", async () => {
  let round = 0
  const world = new World((commit) => (commit === 2 ? "unknown" : "none"))
  const finish = await world.toEnd(
    program(world, async (step) => {
      await step.do("start", () => 1)
      if (++round === 1) await step.do("more", () => 2)
    }),
  )
  assert.match(
    (finish as { failure: string }).failure,
    /the journal holds step \\"more\\", but the code ended without it/,
  )
})

test("Activation retries with Cloudflare's delays and keeps their times over a crash", async () => {
  const world = new World((commit) => (commit === 4 ? "unknown" : "none"))
  const starts: number[] = []
  const began = world.clock.now()
  const finish = await world.toEnd(
    program(world, (step) =>
      step.do(
        "never",
        () => {
          starts.push(world.clock.now() - began)
          throw new Error("no")
        },
        { retries: { limit: 3, delayMs: 100, backoff: "exponential" } },
      ),
    ),
  )
  assert.deepEqual(finish, { status: "errored", failure: JSON.stringify({ message: "no" }) })
  assert.deepEqual(starts, [0, 100, 300, 700])
  assert.deepEqual(
    world.journal.map(({ phase, attempt }) => `${phase} ${attempt}`),
    ["retry 1", "retry 2", "retry 3", "err 4"],
  )
})

test("Activation does not retry what can't be helped", async () => {
  const world = new World()
  await world.toEnd(
    program(world, (step) =>
      step.do("fatal", () => {
        throw Object.assign(new Error("no"), { isFatal: true })
      }),
    ),
  )
  assert.deepEqual(world.ran, ["do:fatal#1 1"])
})

test("Activation ends an attempt whose time is over, and ignores what it says later", async () => {
  const world = new World()
  const signals: boolean[] = []
  const finish = await world.toEnd(
    program(world, (step) =>
      step.do(
        "stuck",
        ({ attempt, signal }) =>
          attempt === 2
            ? "second"
            : new Promise((resolve) => {
                signal.addEventListener("abort", () => {
                  signals.push(signal.aborted)
                  resolve("late")
                })
              }),
        { timeoutMs: 5_000 },
      ),
    ),
  )
  assert.deepEqual([finish, signals], [{ status: "complete", value: '"second"' }, [true]])
  assert.deepEqual(
    world.journal.map(({ phase, attempt }) => `${phase} ${attempt}`),
    ["start 1", "retry 1", "ok 2"],
  )
})

test("Activation parks while it sleeps and keeps the time it was given", async () => {
  const world = new World()
  const code = program(world, async (step) => {
    await step.sleep("day", { ms: 86_400_000 })
    return "awake"
  })
  const parked = await world.activate(code)
  const wakeAt = world.clock.now() + 86_400_000
  assert.deepEqual([parked, world.commits], [{ kind: "parked", wakeAt }, 1])
  world.clock.turn(1_000)
  assert.deepEqual(await world.activate(code), { kind: "parked", wakeAt })
  world.clock.turnTo(wakeAt)
  assert.deepEqual(await world.activate(code), { kind: "finished", finish: { status: "complete", value: '"awake"' } })
})

test("Activation puts sleeps off by the length of a pause, and moments not", async () => {
  const world = new World()
  const until = world.clock.now() + 10_000
  const both = (name: string) =>
    program(world, async (step) => {
      await (name === "sleep" ? step.sleep("s", { ms: 10_000 }) : step.sleep("s", { until }))
    })
  assert.deepEqual(await world.activate(both("sleep")), { kind: "parked", wakeAt: until })
  world.pausedMs = 4_000
  assert.deepEqual(await world.activate(both("sleep")), { kind: "parked", wakeAt: until + 4_000 })
  const other = new World()
  assert.deepEqual(await other.activate(both("until")), { kind: "parked", wakeAt: until })
  other.pausedMs = 4_000
  assert.deepEqual(await other.activate(both("until")), { kind: "parked", wakeAt: until })
})

test("Activation takes events in order, each once, before and while it waits", async () => {
  const world = new World()
  const code = program(world, async (step) => {
    const first = await step.waitForEvent("one", "go")
    const second = await step.waitForEvent("two", "go")
    return [first, second]
  })
  world.send("other", 0)
  world.send("go", 1)
  assert.deepEqual(await world.activate(code), { kind: "parked", wakeAt: world.clock.now() + 86_400_000 })
  assert.deepEqual(
    world.events.map(({ takenBy }) => takenBy),
    [undefined, "event:one#1"],
  )
  world.send("go", 2)
  const finish = await world.toEnd(code)
  const events = [1, 2].map((payload) => ({ type: "go", payload }))
  assert.deepEqual(finish, { status: "complete", value: JSON.stringify(events) })
})

test("Activation times a wait out, and an event that came in time wins over a timeout seen late", async () => {
  const code = (world: World) =>
    program(world, async (step) => step.waitForEvent("wait", "go", 1_000).catch((error: Error) => error.message))
  const late = new World()
  await late.activate(code(late))
  late.clock.turn(1_001)
  late.send("go", "too late")
  assert.deepEqual(await late.toEnd(code(late)), {
    status: "complete",
    value: JSON.stringify('wait "wait" waited 1000 ms for an event of type "go"'),
  })
  assert.equal(late.events[0]?.takenBy, undefined)
  const down = new World()
  await down.activate(code(down))
  down.send("go", "in time")
  down.clock.turn(60_000)
  assert.deepEqual(await down.toEnd(code(down)), {
    status: "complete",
    value: JSON.stringify({ type: "go", payload: "in time" }),
  })
})

test("Activation pauses after the attempts that run, starts nothing more, and goes on from there", async () => {
  const world = new World()
  let release = (): void => {}
  const code = program(world, async (step) => {
    const one = await step.do("one", () => new Promise((resolve) => (release = () => resolve("done"))))
    return [one, await step.do("two", () => 2)]
  })
  const paused = world.activate(code)
  await turns(3)
  world.live?.pause()
  await turns(3)
  release()
  assert.deepEqual(await paused, { kind: "parked", wakeAt: null })
  assert.deepEqual(world.ran, ["do:one#1 1"])
  assert.deepEqual(await world.toEnd(code), { status: "complete", value: '["done",2]' })
  assert.deepEqual(world.ran, ["do:one#1 1", "do:two#1 1"])
})

test("Activation that takes its pause back goes on", async () => {
  const world = new World()
  let release = (): void => {}
  const ended = world.activate(
    program(world, async (step) => {
      await step.do("one", () => new Promise((resolve) => (release = () => resolve(1))))
      return step.do("two", () => 2)
    }),
  )
  await turns(3)
  world.live?.pause()
  await turns(3)
  world.live?.unpause()
  release()
  assert.deepEqual(await ended, { kind: "finished", finish: { status: "complete", value: "2" } })
})

test("Activation undoes what was done, last first, and goes on with that after a crash", async () => {
  for (let at = 0; at < 14; at++) {
    const world = new World((commit) => (commit === at ? "unknown" : "none"))
    const undone: string[] = []
    const undo =
      (name: string) =>
      ({ output }: { output: unknown }): void => {
        if (name === "b" && undone.filter((text) => text.startsWith("b")).length === 0) {
          undone.push("b once")
          throw new Error("try again")
        }
        undone.push(`${name} ${String(output)}`)
      }
    const finish = await world.toEnd(
      program(world, async (step) => {
        await step.do("a", () => "A", { undo: undo("a") })
        await Promise.all(["b", "c"].map((name) => step.do(name, () => name.toUpperCase(), { undo: undo(name) })))
        await step.do("plain", () => 1)
        await step.do(
          "fails",
          () => {
            throw new Error("no")
          },
          { undo: undo("fails"), retries: { limit: 0 } },
        )
        await step.do("never", () => 1, { undo: undo("never") })
      }),
    )
    assert.deepEqual(finish, { status: "errored", failure: '{"message":"no"}', rollback: "complete" }, `commit ${at}`)
    const order = [...new Set(undone)].map((text) => text.split(" ")[0])
    assert.deepEqual([...new Set(order)], ["fails", "c", "b", "a"], `commit ${at}: ${undone.join()}`)
  }
})

test("Activation stops undoing at the first compensation that fails", async () => {
  const world = new World()
  const finish = await world.toEnd(
    program(world, async (step) => {
      await step.do("a", () => 1, { undo: () => 1 })
      await step.do("b", () => 1, {
        retries: { limit: 0 },
        undo: () => {
          throw new Error("can't")
        },
      })
      throw new Error("no")
    }),
  )
  assert.deepEqual(finish, { status: "errored", failure: '{"message":"no"}', rollback: "failed" })
  assert.deepEqual(world.ran, ["do:a#1 1", "do:b#1 1", "rollback:b#1 1"])
})

test("Activation that is terminated undoes what the journal knows and starts nothing", async () => {
  const world = new World()
  const code = program(world, async (step) => {
    await step.do("a", () => 1, { undo: () => 1 })
    await step.sleep("long", { ms: 1_000_000 })
    await step.do("b", () => 1, { undo: () => 1 })
  })
  await world.activate(code)
  world.isTerminating = true
  const end = await world.activate(code)
  assert.deepEqual(end, {
    kind: "finished",
    finish: {
      status: "terminated",
      failure: '{"kind":"terminated","message":"the instance was terminated"}',
      rollback: "complete",
    },
  })
  assert.deepEqual(world.ran, ["do:a#1 1", "rollback:a#1 1"])
})

test("Activation does not run a step again that must run at most once", async () => {
  const world = new World((commit) => (commit === 2 ? "lost" : "none"))
  const finish = await world.toEnd(
    program(world, (step) =>
      step.do("mail", () => "sent", { atMostOnce: true }).catch((error: Error) => error.message),
    ),
  )
  assert.deepEqual(world.ran, ["do:mail#1 1"])
  assert.match((finish as { value: string }).value, /was interrupted and must not run twice/)
})

test("Activation keeps steps inside a step over its retries and over a park", async () => {
  const world = new World()
  const finish = await world.toEnd(
    program(world, (step) =>
      step.do(
        "outer",
        async ({ step: inner, attempt }) => {
          const one = await inner.do("in/side", () => `made in ${attempt}`)
          await inner.sleep("nap", { ms: 50_000 })
          if (attempt < 2) throw new Error("again")
          return one
        },
        { timeoutMs: 1_000 },
      ),
    ),
  )
  assert.deepEqual(finish, { status: "complete", value: '"made in 1"' })
  assert.deepEqual(world.ran, ["do:outer#1 1", "do:outer#1/do:in%2Fside#1 1", "do:outer#1 1", "do:outer#1 2"])
})

test("Activation starts a child once and waits for its end", async () => {
  const world = new World((commit) => (commit === 2 ? "lost" : "none"))
  const code = program(world, async (step) => [await step.do("a", () => 1), await step.child("kid", { of: "test" })])
  assert.deepEqual((await world.activate(code)).kind, "abandoned")
  assert.deepEqual(await world.activate(code), { kind: "parked", wakeAt: null })
  assert.deepEqual(await world.activate(code), { kind: "parked", wakeAt: null })
  assert.deepEqual(world.spawned, [{ of: "test" }])
  world.endChild("child:kid#1", { ok: true, value: '"grown"' })
  assert.deepEqual(await world.toEnd(code), { status: "complete", value: '[1,"grown"]' })
})

test("Activation refuses more steps than allowed", async () => {
  const world = new World()
  world.maxSteps = 5
  const finish = await world.toEnd(
    program(world, async (step) => {
      for (let n = 0; n < 100; n++) await step.do("again", () => n)
    }),
  )
  assert.match((finish as { failure: string }).failure, /more than 5 steps/)
  assert.equal(world.ran.length, 5)
})

test("Activation runs no more attempts at once than allowed, and steps inside steps beyond that", async () => {
  const world = new World()
  world.maxParallel = 3
  let running = 0
  let most = 0
  const finish = await world.toEnd(
    program(world, async (step) => {
      const bodies = Array.from({ length: 20 }, (_, n) =>
        step.do("many", async ({ step: inner }) => {
          most = Math.max(most, ++running)
          await turns(3)
          const value = await inner.do("inner", () => n)
          running--
          return value
        }),
      )
      return Promise.all(bodies)
    }),
  )
  assert.equal(most, 3)
  assert.deepEqual(finish, { status: "complete", value: JSON.stringify(Array.from({ length: 20 }, (_, n) => n)) })
})

test("Activation ends code that waits for nothing", async () => {
  const world = new World()
  const finish = await world.toEnd(program(world, () => new Promise(() => {})))
  assert.match((finish as { failure: string }).failure, /waits for something that can never happen/)
})

test("Activation writes nothing after it was given up", async () => {
  const world = new World()
  let release = (): void => {}
  const ended = world.activate(
    program(world, (step) => step.do("one", () => new Promise((resolve) => (release = () => resolve(1))))),
  )
  await turns(3)
  world.live?.abandon(new Error("somebody else has it"))
  release()
  assert.equal((await ended).kind, "abandoned")
  await turns(5)
  assert.deepEqual(world.journal, [])
})

test("Activation follows guests that ask for steps inside of steps, after any crash", async () => {
  for (let at = 0; at < 16; at++) {
    const world = new World((commit) => (commit === at ? "unknown" : "none"))
    world.tracksNesting = true
    const finish = await world.toEnd(
      program(world, async (step) => {
        const nested = async (name: string): Promise<unknown> =>
          step.do(name, async () => [await step.do(`${name} one`, () => 1), await step.do(`${name} two`, () => 2)])
        const both = await Promise.all([nested("a"), step.do("side", () => "s"), nested("b")])
        return [...both, await step.do("last", () => "end")]
      }),
    )
    assert.deepEqual(
      finish,
      { status: "complete", value: JSON.stringify([[1, 2], "s", [1, 2], "end"]) },
      `commit ${at}: ${world.journal.map(({ key }) => key).join()}`,
    )
  }
})

test("Activation ends an instance whose results take too much room", async () => {
  const world = new World()
  world.maxStored = 10_000
  const finish = await world.toEnd(
    program(world, async (step) => {
      for (let n = 0; n < 1_000; n++) await step.do("big", () => "x".repeat(1_000))
    }),
  )
  assert.match((finish as { failure: string }).failure, /more than 10000 bytes/)
  assert.ok(world.ran.length < 12)
})
