// A workflow that waits for a human while its process is killed and started again. The steps are code, so the next process goes on by itself.
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { createPlatform, DynamicWorkflow } from "mayfly"

const [dataDir] = process.argv.slice(2)
if (dataDir === undefined) await main()
else await ask(dataDir)

/** The first process: starts the workflow, says which link the human gets, and would serve for ever. */
async function ask(directory: string): Promise<void> {
  const platform = await createPlatform({ dataDir: directory })
  const workflow = await DynamicWorkflow.create(platform.env.WORKFLOWS, {
    id: "refund-7",
    params: { amount: 120 },
    script: `
      import { WorkflowEntrypoint } from "cloudflare:workers"
      export default class extends WorkflowEntrypoint {
        async run(event, step) {
          const question = await step.do("prepare", async () => "Refund " + event.payload.amount + " dollars?")
          const answer = await step.waitForEvent("approval", { type: "decision", timeout: "7 days" })
          if (!answer.payload.approved) return "refused: " + question
          return await step.do("refund", async () => "refunded " + event.payload.amount + ", approved by " + answer.payload.by)
        }
      }`,
  })
  for await (const entry of workflow.subscribe()) {
    if (entry.type === "step" && entry.step.name === "approval" && entry.phase === "start") {
      const { waits } = await workflow.status()
      console.log(waits[0]?.token)
    }
  }
}

async function main(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "mayfly-approval-"))
  try {
    const flags = ["--conditions=source", "--disable-warning=ExperimentalWarning"]
    const first = spawn(process.execPath, [...flags, fileURLToPath(import.meta.url), directory], {
      stdio: ["ignore", "pipe", "inherit"],
    })
    const [token] = (await once(createInterface(first.stdout), "line")) as [string]
    first.kill("SIGKILL")
    await once(first, "exit")

    await using platform = await createPlatform({ dataDir: directory })
    const workflow = await platform.env.WORKFLOWS.get("refund-7")
    assert.equal((await workflow.status()).reason, "event")
    // What `POST /v1/hooks/:token` does when the human presses the button.
    await platform.hooks.send(token, { approved: true, by: "Ada" })
    assert.equal(await workflow.result(), "refunded 120, approved by Ada")
    await assert.rejects(platform.hooks.send(token, { approved: false }), { code: "workflow.hook-used" })
    const history = await workflow.history()
    const prepared = history.filter((entry) => entry.type === "step" && entry.step.name === "prepare")
    assert.equal(prepared.length, 1)
  } finally {
    await rm(directory, { recursive: true })
  }
}
