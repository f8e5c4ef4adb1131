import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { test } from "node:test"
import { pauseProcesses } from "./pause-processes.ts"
import { processesBelow } from "./processes-below.ts"

/** A thread that is not the first one makes the process that counts. */
const program = `
const { Worker } = require("node:worker_threads")
new Worker(\`
  const { spawn } = require("node:child_process")
  spawn("sh", ["-c", "n=0; while :; do n=$((n+1)); echo $n; done"], { stdio: ["ignore", "inherit", "ignore"] })
\`, { eval: true })`

test("processes below a root are found whichever thread made them, and stand still while they are paused", async () => {
  const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] })
  try {
    await once(child.stdout, "readable")
    const root = child.pid ?? 0
    const below = processesBelow(root)
    assert.equal(below.length, 2)
    {
      using _paused = await pauseProcesses(() => processesBelow(root))
      assert.deepEqual(below.map(stateOf), ["T", "T"])
    }
    child.stdout.resume()
    await once(child.stdout, "data")
  } finally {
    for (const pid of processesBelow(child.pid ?? 0).reverse()) process.kill(pid, "SIGKILL")
  }
})

function stateOf(pid: number): string | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[0]
}
