/** As at Cloudflare: who holds up an object's calls for longer has hung. */
const maxBlockedMs = 30_000

/** Runs what holds up an object's calls; when it takes too long, the object starts over. */
export async function withinTime<T>(
  act: () => Promise<T>,
  after: (ms: number, late: () => void) => () => void,
  reset: (reason: unknown) => void,
): Promise<T> {
  const done = after(maxBlockedMs, () =>
    reset(new Error("A call to blockConcurrencyWhile() in a Durable Object waited for too long.")),
  )
  try {
    return await act()
  } finally {
    done()
  }
}
