import { after } from "node:test"
import { connect, DynamicWorker, type DynamicWorkerOptions, DynamicWorkflow, Sandbox } from "@mayfly/client"
import { sandboxSuite } from "./sandbox-suite.ts"
import { startTestServer } from "./test-server.ts"
import type { Subject, SubjectWorker, SubjectWorkflow, SubjectWorkflows } from "./subject.ts"
import { workerSuite } from "./worker-suite.ts"
import { workflowSuite } from "./workflow-suite.ts"

const server = await startTestServer()
after(() => server.stop())
const platform = connect({ url: server.url, key: server.key })
after(() => platform.dispose())

const client: Subject = {
  name: "client",
  createWorker: async (options) =>
    (await DynamicWorker.create({ ...(options as DynamicWorkerOptions), platform })) as SubjectWorker,
  workflows: platform.env.WORKFLOWS as unknown as SubjectWorkflows,
  createWorkflow: async (options) =>
    (await DynamicWorkflow.create(platform.env.WORKFLOWS, options)) as unknown as SubjectWorkflow,
}

workerSuite(() => client)
workflowSuite(() => client)
sandboxSuite((options) => Sandbox.create({ ...options, platform }))
