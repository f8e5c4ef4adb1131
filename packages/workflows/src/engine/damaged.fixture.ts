// What is on disk is not what was written: a bad disk, a copy made while it was written. Nobody may get other values than were recorded.
import assert from "node:assert/strict"
import { cpSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { MayflyError } from "@mayfly/protocol"
import { openStore } from "@mayfly/store"
import type { DynamicWorkflow } from "../api/dynamic-workflow.ts"
import type { WorkflowOptions } from "../define/parse-workflow.ts"
import { newFolder, openEngine } from "./engine.fixture.ts"

export const seed = Number(process.env["MAYFLY_SEED"] ?? Date.now() % 1_000_000)

/** Each call gives another number below `bound`; the same ones for the same seed. */
export function numbers(start: number): (bound: number) => number {
  let state = start
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
}

export const recorded = (id: string): string => `recorded by ${id}`

export function waiting(id: string): WorkflowOptions {
  return {
    id,
    params: { for: id },
    steps: [
      { name: "first", run: () => recorded(id) },
      { name: "wait", waitForEvent: "go", timeout: "1 day" },
      { name: "last", run: ({ results, params }) => [results["first"], params] },
    ],
  }
}

const count = 10
export const ids = Array.from({ length: count }, (_, n) => `w-${n}`)
export const expected = (id: string): unknown => [recorded(id), { for: id }]

/** Half of them have ended, half wait. */
export async function fill(directory: string): Promise<void> {
  await using opened = await openEngine(directory)
  for (const [n, id] of ids.entries()) {
    const workflow = await opened.workflows.create(waiting(id))
    if (n % 2 === 0) await workflow.sendEvent({ type: "go" })
    if (n % 2 === 0) await workflow.result()
    else await isWaiting(workflow)
  }
}

/** Goes on with all; gives those that ended as they should. Everything else must be a coded error. */
export async function goOn(
  directory: string,
): Promise<{ readonly right: number; readonly codes: ReadonlySet<string> }> {
  const codes = new Set<string>()
  let right = 0
  const refused = (error: unknown): void => {
    assert.ok(error instanceof MayflyError, String(error))
    codes.add(error.code)
  }
  try {
    await using opened = await openEngine(directory)
    for (const id of ids) {
      try {
        const workflow = await opened.workflows.create(waiting(id))
        await workflow.sendEvent({ type: "go" }).catch((error: unknown) => {
          if (!(error instanceof MayflyError && error.code === "workflow.ended")) throw error
        })
        const signal = AbortSignal.timeout(5_000)
        assert.deepEqual(await workflow.result({ signal }), expected(id), `MAYFLY_SEED=${seed}`)
        right++
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error
        refused(error)
      }
    }
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error
    refused(error)
  }
  return { right, codes }
}

export async function isWaiting(workflow: DynamicWorkflow): Promise<void> {
  while ((await workflow.status()).waits.length === 0) await new Promise((resolve) => setTimeout(resolve, 3))
}

/** Changes some bytes of the last pages of a copy, and looks what comes of it. Throws when it is told nowhere that something is wrong. */
export async function damageLastPages(directory: string, random: (bound: number) => number): Promise<void> {
  const copy = join(newFolder(), "copy")
  cpSync(directory, copy, { recursive: true })
  const path = join(copy, "mayfly.db")
  const bytes = readFileSync(path)
  const from = bytes.length - 4_096 * (1 + random(3)) + random(4_000)
  const end = Math.min(from + 1 + random(64), bytes.length)
  for (let at = from; at < end; at++) bytes[at] = (bytes[at] ?? 0) ^ (1 + random(255))
  writeFileSync(path, bytes)
  const noticed = await check(copy)
  const { right, codes } = await goOn(copy)
  const where = `MAYFLY_SEED=${seed}, bytes ${from} to ${end}: ${right} right, ${[...codes].join(" ")}`
  assert.ok(right === count || codes.size > 0 || noticed.length > 0, where)
}

async function check(directory: string): Promise<readonly string[]> {
  const store = await openStore({ directory })
  try {
    return await store.check()
  } catch (error) {
    assert.ok(error instanceof MayflyError, String(error))
    return [error.code]
  } finally {
    await store.close()
  }
}
