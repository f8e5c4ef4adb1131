import assert from "node:assert/strict"
import { test } from "node:test"
import type { InstanceStatus } from "@mayfly/protocol"
import { control, type ControlOperation } from "./control.ts"

const table: Readonly<Record<InstanceStatus, Readonly<Record<ControlOperation, string>>>> = {
  queued: { pause: "paused", resume: "nothing", terminate: "terminated", restart: "queued", send: "nothing" },
  running: { pause: "waitingForPause", resume: "nothing", terminate: "terminated", restart: "queued", send: "nothing" },
  waiting: { pause: "paused", resume: "nothing", terminate: "terminated", restart: "queued", send: "nothing" },
  waitingForPause: {
    pause: "nothing",
    resume: "running",
    terminate: "terminated",
    restart: "queued",
    send: "nothing",
  },
  paused: { pause: "nothing", resume: "queued", terminate: "terminated", restart: "queued", send: "nothing" },
  complete: { pause: "ended", resume: "ended", terminate: "ended", restart: "queued", send: "ended" },
  errored: { pause: "ended", resume: "ended", terminate: "ended", restart: "queued", send: "ended" },
  terminated: { pause: "ended", resume: "ended", terminate: "ended", restart: "queued", send: "ended" },
}

test("control knows every operation in every state", () => {
  for (const [status, row] of Object.entries(table)) {
    for (const [operation, wanted] of Object.entries(row)) {
      const decided = control(status as InstanceStatus, operation as ControlOperation)
      assert.equal(typeof decided === "string" ? decided : decided.to, wanted, `${operation} when ${status}`)
    }
  }
})
