import { createPlatform } from "@mayfly/platform"
import { createKey, hashKey, listen, startServer } from "@mayfly/server"

/** A server of this process on a port of its own, with an admin key. */
export async function startTestServer(
  options: Partial<Parameters<typeof startServer>[1]> = {},
): Promise<{ url: string; key: string; stop(): Promise<void> }> {
  const platform = await createPlatform({ hosts: 1, attended: true })
  const key = createKey()
  const listener = await listen({ port: 0, host: "127.0.0.1" })
  const server = startServer(listener, { platform, keyHashes: [hashKey(key)], ...options })
  return {
    url: server.url,
    key,
    async stop() {
      await server.stop()
      await platform.dispose()
    },
  }
}
