import type { Socket } from "node:net"

/** Exactly `count` bytes, null when the connection ends before. What comes after them is left to be read. */
export async function firstChunk(socket: Socket, count: number): Promise<Buffer | null> {
  const enough = await peek(socket, (bytes) => (bytes.length >= count ? bytes : null))
  if (enough === null) return null
  const read = socket.read() as Buffer
  if (read.length > count) socket.unshift(read.subarray(count))
  return read.subarray(0, count)
}

/**
 * Looks at what comes first until `judge` has made up its mind (it gives null as long as it has not), and leaves all of it to
 * be read again. Null when the connection ends before.
 */
export async function peek<T>(socket: Socket, judge: (bytes: Buffer) => T | null): Promise<T | null> {
  let seen: Buffer = Buffer.alloc(0)
  for (;;) {
    // All there is: a socket that keeps some of it says "readable" again and again, and nothing else gets a turn.
    const bytes = socket.read() as Buffer | null
    if (bytes === null) {
      if (!(await isReadable(socket))) return null
      continue
    }
    seen = seen.length === 0 ? bytes : Buffer.concat([seen, bytes])
    const judged = judge(seen)
    if (judged === null) continue
    socket.unshift(seen)
    return judged
  }
}

/** Waits until something can be read; false when nothing will come any more. */
function isReadable(socket: Socket): Promise<boolean> {
  if (socket.destroyed || socket.readableEnded) return Promise.resolve(false)
  return new Promise((resolve) => {
    const settle = (is: boolean) => (): void => {
      for (const [event, listener] of listeners) socket.off(event, listener)
      resolve(is)
    }
    const listeners = [
      ["readable", settle(true)],
      ["end", settle(false)],
      ["close", settle(false)],
      ["error", settle(false)],
    ] as const
    for (const [event, listener] of listeners) socket.on(event, listener)
  })
}
