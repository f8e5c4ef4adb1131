import assert from "node:assert/strict"
import { test } from "node:test"
import type { LackingCode } from "@mayfly/platform"
import { resumeWorkflows } from "./resume-workflows.ts"

interface Seen {
  readonly asked: unknown[]
  readonly failed: string[]
  readonly said: string[]
}

/** What is done for instances of which those in `left` are still there afterwards. */
async function resumed(
  all: readonly LackingCode[],
  { canResume, left }: { readonly canResume: boolean; readonly left: readonly string[] },
): Promise<Seen> {
  const seen: Seen = { asked: [], failed: [], said: [] }
  let looks = 0
  const platform = {
    async *lackingCode() {
      const isFirst = looks++ === 0
      yield* all.filter(({ id }) => isFirst || left.includes(id))
    },
  }
  const ask = async (what: unknown, fails: boolean): Promise<void> => {
    seen.asked.push(what)
    if (fails) throw new Error("no")
  }
  const worker = {
    canResume,
    resume: (instance: { id: string }) => ask(instance, instance.id === "b"),
    fetchAgain: (text: string, base: string) => ask([text, base], text === "bad"),
  }
  await resumeWorkflows(worker, platform, {
    url: "http://127.0.0.1:1",
    signal: new AbortController().signal,
    onFailure: (what) => seen.failed.push(what),
    onLeft: (text) => seen.said.push(text),
  })
  return seen
}

const lacking = (id: string, tenant: string, origin?: string): LackingCode => ({
  id,
  tenant,
  params: { of: id },
  ...(origin !== undefined && { origin }),
})

test("resumeWorkflows asks for each of every tenant, goes on when one fails, and says what is left", async () => {
  const all = [lacking("a", "default", "request"), lacking("b", "acme"), lacking("c", "default")]
  assert.deepEqual(await resumed(all, { canResume: true, left: ["b"] }), {
    asked: all.map(({ id, tenant, params }) => ({ id, tenant, params })),
    failed: ['resume of workflow "b"'],
    said: [
      '1 workflow waits for its functions: "b" (needs-code, 1 of them of tenants other than "default"): resume did not create it again',
    ],
  })
})

test("resumeWorkflows without resume handles each kept request again, once", async () => {
  const all = [
    lacking("a", "default", "one"),
    lacking("b", "default", "one"),
    lacking("c", "default", "bad"),
    lacking("d", "default"),
  ]
  assert.deepEqual(await resumed(all, { canResume: false, left: ["c", "d"] }), {
    asked: [
      ["one", "http://127.0.0.1:1"],
      ["bad", "http://127.0.0.1:1"],
    ],
    failed: ['the request, handled again, of workflow "c"'],
    said: [
      '2 workflows wait for their functions, "c" and others (needs-code): create it again with the same id, or export resume({ id, params, tenant }, env)',
    ],
  })
})
