import { AsyncLocalStorage } from "node:async_hooks"
import { setTimeout as delay } from "node:timers/promises"
import { installTracer, type Span, type SpanAttributes, type SpanOptions } from "@mayfly/protocol"
import type * as Api from "@opentelemetry/api"
import type { SpanExporter } from "@opentelemetry/sdk-trace"
import type { SpanContext, Span as OtelSpan, Tracer as OtelTracer } from "@opentelemetry/api"
import { parseTraceparent, traceparentOf } from "./traceparent.ts"

export interface TracingOptions {
  /** Base address of the collector. */
  readonly endpoint: string
  readonly headers: Readonly<Record<string, string>>
  readonly serviceName: string
  readonly sampleRatio: number
  /** Origins whose requests carry a `traceparent`. */
  readonly propagateTo: readonly string[]
  /** Told of what the collector did not take, at most once a minute. */
  readonly onFailure: (message: string) => void
}

const failureEveryMs = 60_000
/** Of one batch, with what is tried again. */
const timeoutMillis = 5_000
const lastWordsMs = 2_000

/** Makes traces and sends them. The OpenTelemetry packages are loaded here only: most who serve trace nothing. Disposing sends what waits. */
export async function openTracing(options: TracingOptions): Promise<AsyncDisposable> {
  const [api, sdk, { resourceFromAttributes }, { OTLPTraceExporter }] = await Promise.all([
    import("@opentelemetry/api"),
    import("@opentelemetry/sdk-trace"),
    import("@opentelemetry/resources"),
    import("@opentelemetry/exporter-trace-otlp-http"),
  ])
  const { endpoint, headers, serviceName, sampleRatio, propagateTo } = options
  const url = `${endpoint.replace(/\/+$/, "")}/v1/traces`
  const sender = new OTLPTraceExporter({ url, headers: { ...headers }, timeoutMillis })
  const exporter = watched(sender, options.onFailure)
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({ "service.name": serviceName }),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(sampleRatio) }),
    // Names and ids may be of a guest's choice.
    spanLimits: { attributeValueLengthLimit: 1_000, attributeCountLimit: 64 },
    // A collector that is down costs spans and no memory.
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter, maxQueueSize: 8_192, maxExportBatchSize: 512 })],
  })
  const active = new AsyncLocalStorage<Span>()
  const start = starter(provider.getTracer("mayfly"), api, new Set(propagateTo))
  const installed = installTracer({
    start: (name, given) => start(name, given.parent === undefined ? { ...given, parent: active.getStore() } : given),
    within: (span, work) => active.run(span, work),
    active: () => active.getStore(),
  })
  return {
    async [Symbol.asyncDispose]() {
      installed[Symbol.dispose]()
      // It may be gone; nobody waits for it for long.
      await Promise.race([provider.shutdown().catch(() => {}), delay(lastWordsMs, undefined, { ref: false })])
    },
  }
}

function starter(
  tracer: OtelTracer,
  { SpanKind, SpanStatusCode, trace, ROOT_CONTEXT }: typeof Api,
  propagateTo: ReadonlySet<string>,
): (name: string, options: SpanOptions) => Span {
  const kinds = { server: SpanKind.SERVER, client: SpanKind.CLIENT } as const
  return (name, { kind, attributes = {}, parent }) => {
    const above = contextOf(parent)
    const context = above === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, above)
    const kindOf = kind === undefined ? SpanKind.INTERNAL : kinds[kind]
    const span = tracer.startSpan(name, { kind: kindOf, attributes: { ...attributes } }, context)
    return new TelemetrySpan(span, propagateTo, SpanStatusCode.ERROR)
  }
}

function contextOf(parent: SpanOptions["parent"]): SpanContext | undefined {
  if (parent === undefined || parent === null) return undefined
  return parseTraceparent(typeof parent === "string" ? parent : parent.traceparent)
}

class TelemetrySpan implements Span {
  readonly #span: OtelSpan
  readonly #propagateTo: ReadonlySet<string>
  readonly #errorStatus: number

  constructor(span: OtelSpan, propagateTo: ReadonlySet<string>, errorStatus: number) {
    this.#span = span
    this.#propagateTo = propagateTo
    this.#errorStatus = errorStatus
  }

  get traceparent(): string {
    return traceparentOf(this.#span.spanContext())
  }

  set(attributes: SpanAttributes): void {
    this.#span.setAttributes({ ...attributes })
  }

  rename(name: string): void {
    this.#span.updateName(name)
  }

  outgoing(origin: string): string | undefined {
    return this.#propagateTo.has(origin) ? this.traceparent : undefined
  }

  end(failure?: string): void {
    if (!this.#span.isRecording()) return
    if (failure !== undefined) {
      this.#span.setAttribute("error.type", failure)
      this.#span.setStatus({ code: this.#errorStatus, message: failure })
    }
    this.#span.end()
  }
}

/** An exporter that says what it could not send. */
function watched(exporter: SpanExporter, onFailure: (message: string) => void): SpanExporter {
  let lastAt = -Infinity
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        const now = performance.now()
        if (result.error !== undefined && now - lastAt > failureEveryMs) {
          lastAt = now
          onFailure(result.error.message.slice(0, 500))
        }
        done(result)
      }),
    shutdown: () => exporter.shutdown(),
  }
}
