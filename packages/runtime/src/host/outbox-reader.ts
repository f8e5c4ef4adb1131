import type { OutboxOp } from "../guest/outbox.ts"

export interface OutboxEntry {
  readonly op: OutboxOp
  readonly id: number
  readonly payload: string
  /** How many of the buffers that come with the outbox are this entry's. */
  readonly buffers: number
}

const entry = /([GTCLSFBXIADREK]) (\d{1,15}) (\d{1,9})(?: (\d{1,5}))?\n/y

/** Cuts an outbox apart. The text comes from a guest: anything out of shape ends the reading with an Error. */
export function* readOutbox(text: string): Iterable<OutboxEntry> {
  let at = 0
  while (at < text.length) {
    entry.lastIndex = at
    const match = entry.exec(text)
    if (match === null) throw new Error("malformed outbox")
    const start = entry.lastIndex
    const end = start + Number(match[3])
    if (end > text.length) throw new Error("malformed outbox")
    yield {
      op: match[1] as OutboxOp,
      id: Number(match[2]),
      payload: text.slice(start, end),
      buffers: Number(match[4] ?? 0),
    }
    at = end
  }
}
