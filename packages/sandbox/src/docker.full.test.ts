import { after, test } from "node:test"
import { reasonWithoutEngine, startEngine } from "./docker-engine.fixture.ts"
import { processSuite } from "./process-suite.ts"
import { sandboxSuite } from "./sandbox-suite.ts"

const reason = reasonWithoutEngine()
if (reason === false) {
  const engine = await startEngine()
  const options = { provider: "docker", docker: { socketPath: engine.socketPath, image: engine.image } }
  sandboxSuite("docker:", options)
  processSuite("docker:", options)
  // After the suites, which have put away their sandboxes then.
  after(() => engine[Symbol.asyncDispose]())
} else test("docker:", { skip: reason }, () => {})
