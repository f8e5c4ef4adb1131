export type {
  Egress,
  EgressContext,
  EgressRequest,
  EgressResponse,
  AskingWorker,
  EgressSocket,
  EgressRedactor,
  EgressWebSocket,
  HeaderPairs,
} from "./egress.ts"
export { type ErrorCode, type ErrorRow, errorTable } from "./error-table.ts"
export { defaultLimits, type Limits, limitTable, parseLimits } from "./limits.ts"
export { jsonLine } from "./json-line.ts"
export { MayflyError, type MayflyErrorOptions } from "./mayfly-error.ts"
export type { LedgerRow, NetworkPolicy, OriginRule, SecretHeader, NamedSecret, BasicAuth, AwsAuth } from "./network.ts"
export { filePathSegments, pathSegment } from "./path-segment.ts"
export type { ErrorJson, LogLevel, LogLine, RunJson, Usage } from "./run.ts"
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
