import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { DockerProvider } from "./docker/docker-provider.ts"
import { sandboxSuite } from "./sandbox-suite.ts"

const folder = mkdtempSync(join(tmpdir(), "mayfly-docker-suite-"))
after(() => rmSync(folder, { recursive: true, force: true }))

/** Where an engine runs that has the default image. `docker.full.test.ts` brings an engine of its own. */
const reason = await new DockerProvider({ directory: folder }).probe().then(
  () => false as const,
  (error: Error) => error.message,
)
if (reason === false) sandboxSuite("docker:", { directory: folder, provider: "docker" })
else test("docker: the suite of providers", { skip: reason }, () => {})
