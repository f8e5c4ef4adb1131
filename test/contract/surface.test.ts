import assert from "node:assert/strict"
import { test } from "node:test"
import * as client from "@mayfly/client"
import * as library from "mayfly"
import { RemoteApprovals } from "../../packages/client/src/remote-approvals.ts"
import { RemoteLedger } from "../../packages/client/src/remote-ledger.ts"
import { RemoteRuns } from "../../packages/client/src/remote-runs.ts"
import { RemoteSecrets } from "../../packages/client/src/remote-secrets.ts"
import { RemoteTenants } from "../../packages/client/src/remote-tenants.ts"
import { RemoteUsage } from "../../packages/client/src/remote-usage.ts"
import { RemoteWorkers } from "../../packages/client/src/remote-workers.ts"
import { SandboxFiles as RemoteFiles } from "../../packages/client/src/sandbox-files.ts"
import { SandboxProcess as RemoteProcess } from "../../packages/client/src/sandbox-process.ts"
import { SandboxShell as RemoteShell } from "../../packages/client/src/sandbox-shell.ts"
import { SandboxTerminal as RemoteTerminal } from "../../packages/client/src/sandbox-terminal.ts"
import { Sandboxes as RemoteSandboxes } from "../../packages/client/src/sandboxes.ts"
import { SandboxFiles } from "../../packages/sandbox/src/sandbox-files.ts"
import { SandboxProcess } from "../../packages/sandbox/src/sandbox-process.ts"
import { SandboxShell } from "../../packages/sandbox/src/sandbox-shell.ts"
import { SandboxTerminal } from "../../packages/sandbox/src/sandbox-terminal.ts"

/** What one of the two has alone, and why. */
const alone: Readonly<Record<string, string>> = {
  "library Platform.runtime": "a part of this process",
  "library Platform.facets": "storage of the process that owns the platform",
  "library Platform.hooks": "POST /v1/hooks/TOKEN is the same, without a key",
  "library Platform.lackingCode": "functions of workflows live where the engine does",
  "library Platform.ownWorkflows": "classes of a served worker",
  "library Platform.provideWorkflowClasses": "classes of a served worker",
  "library Platform.provideWorkflowOrigin": "functions of workflows live where the engine does",
  "library Platform.onAlert": "a server tells by webhook",
  "library Platform.store": "a part of this process",
  "library Platform.hold": "a backup of the directory that the process owns",
  "library Platform.stats": "GET /metrics",
  "library Platform.ownPorts": "a part of this process",
  "client Platform.keys": "a platform of this process has no keys",
  "client Platform.namedWorkers": "a connection has a tenant; workers(tenant) is the same for another",
  "client Platform.run": "one program and one call as data, with retries: a worker needs a session",
  "client Platform.session": "the connection",
  "library WorkflowBinding.lackingCode": "functions can't be sent",
  "library WorkflowBinding.introspect": "replaces what steps do with functions, which can't be sent",
  "library Sandbox.status": "a handle of the client does not know: info() asks",
  "library Sandbox.tenant": "a handle of the client does not know: info() asks",
  "client Sandboxes.destroy": "by its id, where no handle is needed",
  "client Sandboxes.made": "internal",
  "library SandboxFiles.within": "narrows what a program of this process may reach",
  "client SandboxProcess.refresh": "a handle of the client does not know",
  "library SandboxProcess.signal": "kill says which signal; without waiting there is nothing to answer",
  "library SandboxProcess.follow": "logs({ follow }) of the client goes on after a lost connection by itself",
  "library SandboxTerminal.snapshot": "what is kept comes first in the output of a view",
  "client SandboxTerminal.static open": "internal",
  "library Ledger.begin": "the ledger is written by the server",
  "library Ledger.end": "the ledger is written by the server",
  "library Ledger.export": "mayfly ledger export",
  "library Ledger.prune": "retention is a setting of the server",
  "library Ledger.close": "belongs to the server",
  "library Ledger.Symbol(Symbol.asyncDispose)": "belongs to the server",
  "library Approvals.ask": "asked by programs",
  "library Approvals.onQuestion": "follow is the same over a connection that may break",
  "library Approvals.onDecision": "follow is the same over a connection that may break",
  "client Approvals.follow": "onQuestion and onDecision over a connection that may break",
  "library Secrets.resolve": "values never leave the server",
  "library Secrets.key": "never leaves the server",
  "library Tenants.check": "the server checks",
  "library Tenants.mayBegin": "the server checks",
  "library Tenants.rate": "headers of answers",
  "library Tenants.onAlert": "a server tells by webhook",
  "library Usage.csv": "GET /v1/usage, with Accept: text/csv",
  "library Usage.flush": "the server reads what it has counted",
  "library Workers.load": "a worker of the process that has it",
  "library Workers.untilRemoved": "a server ends what is open by itself",
}

const platform = await library.createPlatform({ hosts: 1, isolates: 0, spare: false })
const connection = client.connect({ url: "http://127.0.0.1:1" })

/** Methods and accessors; of an object its own members too. */
function membersOf(value: object): Set<string> {
  const own = typeof value === "function" ? [] : Reflect.ownKeys(value).map(String)
  const prototype: object | null =
    typeof value === "function" ? (value as { prototype: object }).prototype : (Object.getPrototypeOf(value) as object)
  const inherited = prototype === Object.prototype ? [] : Reflect.ownKeys(prototype).map(String)
  const statics = typeof value === "function" ? Reflect.ownKeys(value).map((name) => `static ${String(name)}`) : []
  const all = [...own, ...inherited, ...statics]
  return new Set(
    all.filter((name) => !/^(?:constructor|static (?:length|name|prototype))$/.test(name) && name !== "http"),
  )
}

const pairs: readonly (readonly [name: string, library: object, client: object])[] = [
  ["Platform", platform, connection],
  ["DynamicWorker", library.DynamicWorker, client.DynamicWorker],
  ["DynamicWorkflow", library.DynamicWorkflow, client.DynamicWorkflow],
  ["WorkflowBinding", library.WorkflowBinding, client.WorkflowBinding],
  ["Sandbox", library.Sandbox, client.Sandbox],
  ["Sandboxes", library.TenantSandboxes, RemoteSandboxes],
  ["SandboxFiles", SandboxFiles, RemoteFiles],
  ["SandboxProcess", SandboxProcess, RemoteProcess],
  ["SandboxShell", SandboxShell, RemoteShell],
  ["SandboxTerminal", SandboxTerminal, RemoteTerminal],
  ["Ledger", platform.ledger, RemoteLedger],
  ["Approvals", platform.approvals, RemoteApprovals],
  ["Secrets", platform.secrets, RemoteSecrets],
  ["Tenants", platform.tenants, RemoteTenants],
  ["Usage", platform.usage, RemoteUsage],
  ["Runs", platform.runs, RemoteRuns],
  ["Workers", platform.workers("default"), RemoteWorkers],
]

test("library and client have the same members, but for those that are listed", async () => {
  const found = pairs.flatMap(([name, ours, theirs]) => {
    const [here, there] = [membersOf(ours), membersOf(theirs)]
    return [
      ...[...here].filter((member) => !there.has(member)).map((member) => `library ${name}.${member}`),
      ...[...there].filter((member) => !here.has(member)).map((member) => `client ${name}.${member}`),
    ]
  })
  assert.deepEqual(found.toSorted(), Object.keys(alone).toSorted())
  await platform.dispose()
})
