import type { SpanContext } from "@opentelemetry/api"

// https://www.w3.org/TR/trace-context/#traceparent-header
const pattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** Undefined for what is none: the trace begins here then, as the specification says. */
export function parseTraceparent(text: string): SpanContext | undefined {
  const [, version = "ff", traceId = "", spanId = "", flags = "", more] = pattern.exec(text.slice(0, 200)) ?? []
  if (version === "ff" || (version === "00" && more !== undefined)) return undefined
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true }
}

export function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${(traceFlags & 1) === 1 ? "01" : "00"}`
}
