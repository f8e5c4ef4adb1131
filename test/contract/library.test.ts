import { after } from "node:test"
import type { Sandbox as RemoteSandbox } from "@mayfly/client"
import { createPlatform, DynamicWorker, type DynamicWorkerOptions, DynamicWorkflow, Sandbox } from "mayfly"
import { platformSuite } from "./platform-suite.ts"
import { sandboxSuite } from "./sandbox-suite.ts"
import type { SharedPlatform } from "./shared-platform.ts"
import type { Subject, SubjectWorker, SubjectWorkflow, SubjectWorkflows } from "./subject.ts"
import { workerSuite } from "./worker-suite.ts"
import { workflowSuite } from "./workflow-suite.ts"

const platform = await createPlatform({ hosts: 1, attended: true })
after(() => platform.dispose())

const library = {
  name: "library",
  platform,
  createWorker: async (options) =>
    (await DynamicWorker.create({ ...(options as DynamicWorkerOptions), platform })) as SubjectWorker,
  workflows: platform.env.WORKFLOWS as unknown as SubjectWorkflows,
  createWorkflow: async (options) =>
    (await DynamicWorkflow.create(platform.env.WORKFLOWS, options)) as unknown as SubjectWorkflow,
} satisfies Subject & { readonly platform: SharedPlatform }

workerSuite(() => library)
workflowSuite(() => library)
platformSuite(() => library)
sandboxSuite((options) => Sandbox.create({ ...options, platform } as object) as unknown as Promise<RemoteSandbox>)
