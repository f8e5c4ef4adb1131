/**
 * Node's `fetch` decodes bodies and leaves the headers as they were. Here the headers describe the body, so that a worker can pass a response on as it
 * got it, which is the most common worker there is.
 */
export function installDecodedFetch(): void {
  const original = globalThis.fetch
  globalThis.fetch = async (input, init) => {
    const response = await original(input, init)
    if (!response.headers.has("content-encoding")) return response
    const headers = new Headers(response.headers)
    headers.delete("content-encoding")
    headers.delete("content-length")
    Object.defineProperty(response, "headers", { value: headers })
    return response
  }
}
