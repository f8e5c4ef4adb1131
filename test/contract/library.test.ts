import { after } from "node:test"
import type { Sandbox as RemoteSandbox } from "@mayfly/client"
import { createPlatform, DynamicWorker, type DynamicWorkerOptions, DynamicWorkflow, Sandbox } from "mayfly"
import { sandboxSuite } from "./sandbox-suite.ts"
import type { Subject, SubjectWorker, SubjectWorkflow, SubjectWorkflows } from "./subject.ts"
import { workerSuite } from "./worker-suite.ts"
import { workflowSuite } from "./workflow-suite.ts"

const platform = await createPlatform({ hosts: 1 })
after(() => platform.dispose())

const library: Subject = {
  name: "library",
  createWorker: async (options) =>
    (await DynamicWorker.create({ ...(options as DynamicWorkerOptions), platform })) as SubjectWorker,
  workflows: platform.env.WORKFLOWS as unknown as SubjectWorkflows,
  createWorkflow: async (options) =>
    (await DynamicWorkflow.create(platform.env.WORKFLOWS, options)) as unknown as SubjectWorkflow,
}

workerSuite(() => library)
workflowSuite(() => library)
sandboxSuite((options) => Sandbox.create({ ...options, platform } as object) as unknown as Promise<RemoteSandbox>)
