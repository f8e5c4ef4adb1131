import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { fileURLToPath } from "node:url"

const program = fileURLToPath(new URL("workflows/poison.ts", import.meta.url))

test("a workflow that kills its process is found and ended, and no innocent one is", { timeout: 120_000 }, () => {
  const dataDir = mkdtempSync(join(tmpdir(), "mayfly-poison-"))
  try {
    let deaths = 0
    for (;;) {
      const flags = ["--conditions=source", "--disable-warning=ExperimentalWarning", program, dataDir]
      const { signal, stdout, stderr, status } = spawnSync(process.execPath, flags, { encoding: "utf8" })
      if (signal === "SIGKILL" && ++deaths < 20) continue
      assert.deepEqual({ signal, status, stderr }, { signal: null, status: 0, stderr: "" })
      assert.deepEqual(JSON.parse(stdout), { code: "workflow.poison", results: [0, 1, 2, 3, 4] })
      assert.ok(deaths >= 3 && deaths <= 10, `after ${deaths} deaths`)
      return
    }
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
})
