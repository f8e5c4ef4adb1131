import type { Matcher } from "./selector.ts"

export type Handler = (token: object) => unknown

/** The handlers of one `on`, bound to their object. */
export interface Entry {
  readonly order: number
  readonly matches: Matcher
  readonly element?: Handler
  readonly text?: Handler
  readonly comments?: Handler
}

/** The handlers of one `onDocument`. */
export interface DocumentEntry {
  readonly doctype?: Handler
  readonly text?: Handler
  readonly comments?: Handler
  readonly end?: Handler
}

/** Entries that concern text and comments inside an element, in the order in which they were given. */
export type Handlers = readonly Entry[]

export const noHandlers: Handlers = []

/** Those of the parent and the element's own, each once. */
export function inheritHandlers(parent: Handlers, own: readonly Entry[]): Handlers {
  const added = own.filter((entry) => (entry.text ?? entry.comments) !== undefined && !parent.includes(entry))
  return added.length === 0 ? parent : [...parent, ...added].sort((a, b) => a.order - b.order)
}
