export type * from "./approval.ts"
export { boundedText } from "./bounded-text.ts"
export type * from "./egress.ts"
export { answerError, errorFromJson } from "./error-from-json.ts"
export { type ErrorCode, type ErrorRow, errorTable } from "./error-table.ts"
export { isLoopback } from "./is-loopback.ts"
export { JsonWeight, jsonWeight, maxJsonWeight } from "./json-weight.ts"
export { jsonModules } from "./json-modules.ts"
export * from "./key.ts"
export type * from "./ledger.ts"
export { defaultLimits, type Limits, limitTable, parseLimits } from "./limits.ts"
export { jsonLine } from "./json-line.ts"
export { MayflyError, type MayflyErrorOptions } from "./mayfly-error.ts"
export type * from "./named-worker.ts"
export type { LedgerRow, NetworkPolicy, OriginRule, SecretHeader, NamedSecret, BasicAuth, AwsAuth } from "./network.ts"
export { filePathSegments, pathSegment } from "./path-segment.ts"
export type * from "./program.ts"
export type * from "./run.ts"
export { runEvents } from "./run-events.ts"
export { runFromJson, valueFromJson } from "./run-from-json.ts"
export type * from "./run-history.ts"
export type * from "./sandbox.ts"
export type * from "./sandbox-command.ts"
export type * from "./sandbox-file.ts"
export type * from "./secret.ts"
export { type ServerEvent, serverEvents } from "./server-events.ts"
export {
  activeSpan,
  installTracer,
  isTold,
  isTracing,
  listenToTelemetry,
  type Span,
  type SpanAttributes,
  type SpanOptions,
  startSpan,
  type TelemetryFacts,
  type TelemetryListener,
  tell,
  type Tracer,
  withinSpan,
} from "./telemetry.ts"
export { fromTaggedJson, toTaggedJson } from "./tagged-json.ts"
export type * from "./tenant.ts"
export type * from "./usage.ts"
export * from "./workflow.ts"
