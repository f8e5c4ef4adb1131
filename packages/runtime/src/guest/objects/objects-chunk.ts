import { serveObject } from "./serve-object.ts"

export interface Objects {
  readonly serveObject: typeof serveObject
}

/** What only Durable Objects need. */
export default function loadObjects(): Record<string, unknown> {
  return { serveObject }
}
