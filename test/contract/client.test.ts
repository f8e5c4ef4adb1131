import { after } from "node:test"
import { connect, DynamicWorker, type DynamicWorkerOptions, DynamicWorkflow, Sandbox } from "@mayfly/client"
import { platformSuite } from "./platform-suite.ts"
import { sandboxSuite } from "./sandbox-suite.ts"
import { startTestServer } from "./test-server.ts"
import type { SharedPlatform } from "./shared-platform.ts"
import type { Subject, SubjectWorker, SubjectWorkflow, SubjectWorkflows } from "./subject.ts"
import { workerSuite } from "./worker-suite.ts"
import { workflowSuite } from "./workflow-suite.ts"

const server = await startTestServer()
after(() => server.stop())
const platform = connect({ url: server.url, key: server.key })
after(() => platform.dispose())

const client = {
  name: "client",
  platform,
  createWorker: async (options) =>
    (await DynamicWorker.create({ ...(options as DynamicWorkerOptions), platform })) as SubjectWorker,
  workflows: platform.env.WORKFLOWS as unknown as SubjectWorkflows,
  createWorkflow: async (options) =>
    (await DynamicWorkflow.create(platform.env.WORKFLOWS, options)) as unknown as SubjectWorkflow,
} satisfies Subject & { readonly platform: SharedPlatform }

workerSuite(() => client)
workflowSuite(() => client)
platformSuite(() => client)
sandboxSuite((options) => Sandbox.create({ ...options, platform }))
