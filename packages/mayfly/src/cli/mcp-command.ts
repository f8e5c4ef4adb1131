import type { ApiFlags } from "./api-options.ts"
import { text as textOf } from "node:stream/consumers"
import { serveMcp, type McpApi } from "@mayfly/server"
import { apiPlace } from "./api-place.ts"
import { reportFailure } from "./command-error.ts"
import { type Interrupts, listenForInterrupts } from "./interrupts.ts"
import type { Api } from "./api.ts"
import { openApi } from "./open-api.ts"
import type { Output } from "./output.ts"

export interface McpFlags extends ApiFlags {
  readonly allow?: readonly string[]
}

/** `mayfly mcp`: the Model Context Protocol over stdin and stdout, until stdin ends. Gives the exit code; never rejects. */
export async function mcpCommand(flags: McpFlags, output: Output): Promise<number> {
  using interrupts: Interrupts = listenForInterrupts()
  try {
    const place = apiPlace(flags)
    await using api = await openApi(flags, { isAttended: true })
    output.stderr.write("mayfly mcp: ready\n")
    await serveMcp({
      api: toolApi(api, flags.tenant),
      ...(place.kind === "server"
        ? { baseUrl: place.url.origin }
        : { command: (words) => `mayfly ${words} --data ${JSON.stringify(place.path)}${ofTenant(flags.tenant)}` }),
      allowedOrigins: flags.allow ?? [],
      signal: interrupts.signal,
    })
    return 0
  } catch (error) {
    if (interrupts.exitCode !== undefined) return interrupts.exitCode
    return reportFailure(error, {}, output)
  }
}

function ofTenant(tenant: string | undefined): string {
  return tenant === undefined ? "" : ` --tenant ${tenant}`
}

const never = new AbortController().signal

function toolApi(api: Api, tenant: string | undefined): McpApi {
  const at = (path: string): string => {
    if (tenant === undefined) return path
    return `${path}${path.includes("?") ? "&" : "?"}tenant=${encodeURIComponent(tenant)}`
  }
  return {
    async call(method, path, body, signal = never) {
      const given = body === undefined ? {} : { body: [Buffer.from(JSON.stringify(body))] }
      const text = await textOf(await api.stream(method, at(path), { accept: "application/json", signal, ...given }))
      return text === "" ? undefined : (JSON.parse(text) as unknown)
    },
    async read(path, limit, signal = never) {
      const chunks: Uint8Array[] = []
      let size = 0
      for await (const chunk of await api.stream("GET", at(path), { signal })) {
        chunks.push(chunk)
        size += chunk.byteLength
        if (size > limit) break
      }
      return { bytes: new Uint8Array(Buffer.concat(chunks)).subarray(0, limit), isCut: size > limit }
    },
    async write(path, bytes, signal = never) {
      await textOf(await api.stream("PUT", at(path), { body: [bytes], signal }))
    },
  }
}
