import assert from "node:assert/strict"
import { test } from "node:test"
import { SharedTimer } from "./shared-timer.ts"
import { HandClock } from "./world.fixture.ts"

test("SharedTimer fires each at its moment, and none that was taken back", () => {
  const clock = new HandClock()
  const timer = new SharedTimer(clock)
  const fired: string[] = []
  const at = (ms: number, name: string): (() => void) => timer.at(clock.now() + ms, () => fired.push(name))
  at(30, "late")
  const takeBack = at(10, "never")
  at(10, "first")
  at(20, "second")
  takeBack()
  takeBack()
  clock.turn(9)
  assert.deepEqual(fired, [])
  clock.turn(1)
  assert.deepEqual(fired, ["first"])
  at(5, "between")
  clock.turn(10)
  assert.deepEqual(fired, ["first", "second", "between"])
  clock.turn(100)
  assert.deepEqual(fired, ["first", "second", "between", "late"])
})

test("SharedTimer may be set while it fires, and says nothing after stop", () => {
  const clock = new HandClock()
  const timer = new SharedTimer(clock)
  const fired: number[] = []
  const again = (): void => {
    fired.push(clock.now())
    timer.at(clock.now() + 10, again)
  }
  const start = clock.now()
  timer.at(start + 10, again)
  for (let n = 0; n < 3; n++) clock.turn(10)
  assert.deepEqual(fired, [start + 10, start + 20, start + 30])
  timer.stop()
  clock.turn(100)
  assert.equal(fired.length, 3)
})
