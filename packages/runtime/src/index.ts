export type { CallAnswer, IsolatePool, PoolHandler, PoolOutcome, PoolRequest, PoolStats } from "./pool/isolate-pool.ts"
export { detectJail, type Jail, type JailKind } from "./pool/jail.ts"
export { findNode, findRuntimeFiles } from "./pool/runtime-files.ts"
export type { Fetcher, Tail, TraceItem, WorkerCode } from "./loader/worker-code.ts"
export { WorkerLoader, type WorkerLoaderOptions } from "./loader/worker-loader.ts"
export type { Entrypoint, EntrypointOptions, WorkerStub } from "./loader/worker-stub.ts"
export { defaultRuntime, provideDefaultRuntime } from "./default-runtime.ts"
export { DurableObjectClass } from "./objects/durable-object-class.ts"
export { DurableObjectId } from "./objects/durable-object-id.ts"
export { DurableObject, type DurableObjectState } from "./objects/durable-object.ts"
export { DurableObjectNamespace, type DurableObjectNamespaceOptions } from "./objects/durable-object-namespace.ts"
export { Facets, facetScope } from "./objects/facets.ts"
export type { FacetStartupOptions, GetStartupOptions } from "./objects/object-slot.ts"
export type {
  Egress,
  EgressContext,
  EgressRequest,
  EgressResponse,
  EgressSocket,
  EgressWebSocket,
  HeaderPairs,
} from "./egress.ts"
export { RpcTarget } from "./bridge/rpc-target.ts"
export { provideStandIn } from "./bridge/stand-in.ts"
export type { AskedRun, RunGate, RunPass, RunTraces } from "./run-gate.ts"
export { createRuntime, type Runtime, type RuntimeOptions } from "./runtime.ts"
export { decodeGuestValue } from "./worker/decode-guest-value.ts"
export { DynamicWorker } from "./worker/dynamic-worker.ts"
export { loadWorker } from "./worker/load-worker.ts"
export { type RunHooks, runWorker, type WorkerParts } from "./worker/worker-run.ts"
export { runToJson } from "./worker/run.ts"
export { type DynamicWorkerOptions, parseTenant } from "./worker/worker-options.ts"
export { type RunWebSocket, type SocketErrorEvent, WebSocketPair } from "./socket/run-web-socket.ts"
export type { SocketEnd } from "./socket/socket-end.ts"
export { takeSocket } from "./socket/take-socket.ts"
export { WorkerResponse } from "./socket/worker-response.ts"
export type { TypeCheck, TypeCheckRequest } from "./typecheck.ts"
export type { ProgramPlan } from "./compile/plan-program.ts"
export { planWorker } from "./worker/plan-worker.ts"
export type { RunOptions, Run, RunEvent, GivenModule } from "@mayfly/protocol"
