import { WorkerResponse } from "@mayfly/platform"

/**
 * Node's `Response` refuses status 101. Here `new Response(null, { status: 101, webSocket })` gives a WorkerResponse. It stays the class that all
 * other responses are instances of, those of `fetch` too, so whoever asks with `instanceof`, before or after, gets the same answer.
 */
export function installUpgradingResponse(): void {
  const original = globalThis.Response
  const Response: typeof original = new Proxy(original, {
    construct(target, args: ConstructorParameters<typeof WorkerResponse>, newTarget: object): Response {
      const [, init] = args
      const isUpgrade = typeof init === "object" && init !== null && isPresent(init.webSocket)
      const Class = isUpgrade ? WorkerResponse : target
      return Reflect.construct(Class, args, (newTarget === Response ? Class : newTarget) as typeof Class) as Response
    },
  })
  Object.defineProperty(globalThis, "Response", { value: Response, writable: true, configurable: true })
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null
}
