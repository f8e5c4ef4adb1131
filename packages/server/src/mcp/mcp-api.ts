/** The HTTP API as the tools use it, with the rights of whoever asked. */
export interface McpApi {
  /** The answer's JSON, undefined when there is none. Rejects with the error that the API answers with. */
  call(method: "GET" | "POST" | "PUT" | "DELETE", path: string, body?: unknown, signal?: AbortSignal): Promise<unknown>
  /** The answer's bytes, at most `limit` of them. */
  read(
    path: string,
    limit: number,
    signal?: AbortSignal,
  ): Promise<{ readonly bytes: Uint8Array; readonly isCut: boolean }>
  write(path: string, bytes: Uint8Array, signal?: AbortSignal): Promise<void>
}

export interface McpOptions {
  readonly api: McpApi
  readonly version: string
  /** What tools may let programs reach; an agent can only ask for less. Default: nothing, and a person may be asked. */
  readonly allowedOrigins?: readonly string[]
  /** Where links for people begin, such as `http://127.0.0.1:8787`. Default: it is not known, and people answer by `command`. */
  readonly baseUrl?: string
  /** What a person types for a command of `mayfly`. */
  readonly command?: (words: string) => string
}
