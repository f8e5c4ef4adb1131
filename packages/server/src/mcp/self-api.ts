import { answerError } from "@mayfly/protocol"
import type { McpApi } from "./mcp-api.ts"

/** The API over anything that answers requests as it does: with the key and the host of the request that asks for tools. */
export function selfApi(fetch: (request: Request) => Promise<Response>, asked: Request): McpApi {
  const send = async (method: string, path: string, init: RequestInit): Promise<Response> => {
    const headers = new Headers(init.headers)
    for (const name of ["authorization", "host"]) {
      const value = asked.headers.get(name)
      if (value !== null) headers.set(name, value)
    }
    const response = await fetch(new Request(new URL(path, asked.url), { ...init, method, headers }))
    if (response.status < 400) return response
    throw answerError(await response.json().catch(() => undefined))
  }
  return {
    async call(method, path, body, signal) {
      const given =
        body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }
      const response = await send(method, path, { ...given, ...(signal === undefined ? {} : { signal }) })
      const text = await response.text()
      return text === "" ? undefined : (JSON.parse(text) as unknown)
    },
    async read(path, limit, signal) {
      const response = await send("GET", path, signal === undefined ? {} : { signal })
      return response.body === null ? { bytes: new Uint8Array(), isCut: false } : firstBytes(response.body, limit)
    },
    async write(path, bytes, signal) {
      await send("PUT", path, { body: new Uint8Array(bytes), ...(signal === undefined ? {} : { signal }) })
    },
  }
}

async function firstBytes(
  stream: ReadableStream<Uint8Array>,
  limit: number,
): Promise<{ bytes: Uint8Array; isCut: boolean }> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of stream) {
    chunks.push(chunk)
    size += chunk.byteLength
    if (size > limit) break
  }
  return { bytes: new Uint8Array(Buffer.concat(chunks)).subarray(0, limit), isCut: size > limit }
}
