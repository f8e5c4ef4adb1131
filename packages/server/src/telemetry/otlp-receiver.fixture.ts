import { once } from "node:events"
import { createServer } from "node:http"
import { json } from "node:stream/consumers"
import type { AddressInfo } from "node:net"

export interface ReceivedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly name: string
  readonly attributes: Readonly<Record<string, unknown>>
  readonly isError: boolean
}

/** A collector: takes OTLP over HTTP as JSON. */
export interface OtlpReceiver extends Disposable {
  readonly url: string
  readonly spans: ReceivedSpan[]
  readonly headers: Record<string, unknown>[]
}

interface OtlpValue {
  readonly stringValue?: string
  readonly intValue?: number
  readonly doubleValue?: number
  readonly boolValue?: boolean
}

interface OtlpSpan extends Omit<ReceivedSpan, "attributes" | "isError" | "parentSpanId"> {
  readonly parentSpanId?: string
  readonly attributes: readonly { readonly key: string; readonly value: OtlpValue }[]
  readonly status?: { readonly code?: number }
}

interface OtlpBody {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[] }[]
}

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = []
  const headers: Record<string, unknown>[] = []
  const server = createServer(async (request, response) => {
    headers.push({ ...request.headers, path: request.url })
    const body = (await json(request)) as OtlpBody
    const all = body.resourceSpans.flatMap((resource) => resource.scopeSpans.flatMap((scope) => scope.spans))
    spans.push(...all.map(spanOf))
    response.setHeader("content-type", "application/json").end("{}")
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    headers,
    [Symbol.dispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

function spanOf({ traceId, spanId, name, attributes, status, ...rest }: OtlpSpan): ReceivedSpan {
  const values = attributes.map(({ key, value }) => [key, Object.values(value)[0]] as const)
  return {
    traceId,
    spanId,
    parentSpanId: rest.parentSpanId ?? "",
    name,
    attributes: Object.fromEntries(values),
    isError: status?.code === 2,
  }
}

/** The spans below `parent`, as a tree of names, in alphabetical order. */
export function treeOf(spans: readonly ReceivedSpan[], parent: string): unknown[] {
  return spans
    .filter(({ parentSpanId }) => parentSpanId === parent)
    .map((span) => {
      const below = treeOf(spans, span.spanId)
      return below.length === 0 ? span.name : [span.name, ...below]
    })
    .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
}
