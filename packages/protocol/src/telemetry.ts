import type { LedgerRow } from "./network.ts"
import type { LogLine } from "./run.ts"

/** What the parts tell of themselves. Whoever listens must not throw, wait or keep what it is given. */
export interface TelemetryFacts {
  /** A run is over. `outcome` is "ok" or an error code. */
  readonly run: {
    readonly tenant: string
    readonly outcome: string
    readonly cpuMs: number
    readonly wallMs: number
    readonly queueMs: number
  }
  /** A console line of a program, without the secrets that were added to its requests. */
  readonly log: LogLine & { readonly tenant: string; readonly runId: string }
  /** An attempt to reach something is over. */
  readonly egress: LedgerRow
  /** An attempt at a workflow's step is over. */
  readonly step: { readonly tenant: string; readonly isOk: boolean; readonly durationMs: number }
  /** An instance was to wake at a time, and did so this much later. */
  readonly wake: { readonly latenessMs: number }
  /** An activation is over: "complete", "errored", "terminated", "parked" or "abandoned". */
  readonly activation: { readonly end: string }
  /** A command in a sandbox is over. */
  readonly exec: { readonly tenant: string; readonly isOk: boolean; readonly durationMs: number }
  /** A write is on disk, or has failed. */
  readonly commit: { readonly isOk: boolean; readonly durationMs: number }
}

export type TelemetryListener = {
  readonly [Name in keyof TelemetryFacts]?: (fact: TelemetryFacts[Name]) => void
}

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>

/** A piece of work with a beginning and an end. */
export interface Span {
  /** As W3C Trace Context writes it. */
  readonly traceparent: string
  set(attributes: SpanAttributes): void
  rename(name: string): void
  /** The `traceparent` that a request to this origin may carry, undefined when it may not. */
  outgoing(origin: string): string | undefined
  /** Ending twice is safe. `failure` is an error code. */
  end(failure?: string): void
}

export interface SpanOptions {
  readonly kind?: "server" | "client"
  readonly attributes?: SpanAttributes
  /** A span, or a traceparent from elsewhere; null for none. Default: the span that `within` put around the caller. */
  readonly parent?: Span | string | null | undefined
}

/** What makes traces. Nothing is traced without one. */
export interface Tracer {
  start(name: string, options: SpanOptions): Span
  within<T>(span: Span, work: () => T): T
  active(): Span | undefined
}

// Of the process, not of a platform: spans follow calls through code that knows of none, and each process has one place where its numbers go.
const listeners = new Set<TelemetryListener>()
let tracer: Tracer | undefined

/** Disposing ends it. */
export function listenToTelemetry(listener: TelemetryListener): Disposable {
  listeners.add(listener)
  return { [Symbol.dispose]: () => void listeners.delete(listener) }
}

/** Whether anybody wants to know: for facts that cost something to make. */
export function isTold(name: keyof TelemetryFacts): boolean {
  for (const listener of listeners) if (listener[name] !== undefined) return true
  return false
}

export function tell<Name extends keyof TelemetryFacts>(name: Name, fact: TelemetryFacts[Name]): void {
  for (const listener of listeners) listener[name]?.(fact)
}

/** Disposing ends it. Throws when there is one: two would each see half of every trace. */
export function installTracer(given: Tracer): Disposable {
  if (tracer !== undefined) throw new Error("this process has a tracer already")
  tracer = given
  return { [Symbol.dispose]: () => void (tracer = undefined) }
}

/** Whether spans lead anywhere: for what has to be looked up for them. */
export function isTracing(): boolean {
  return tracer !== undefined
}

/** Undefined when nothing is traced: then it costs this one comparison. */
export function startSpan(name: string, options: SpanOptions = {}): Span | undefined {
  return tracer?.start(name, options)
}

/** The span that the caller runs within. */
export function activeSpan(): Span | undefined {
  return tracer?.active()
}

/** Runs `work`, and all that it starts, within a span. */
export function withinSpan<T>(span: Span | undefined, work: () => T): T {
  return span === undefined || tracer === undefined ? work() : tracer.within(span, work)
}
