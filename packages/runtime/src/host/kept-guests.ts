import type { Guest } from "./guest.ts"

/** Warm guests that one host holds at most, and for how long without use. */
const maxKept = 32
const maxIdleMs = 60_000
/** A guest whose heap is fuller than this share of its limit starts over instead. */
const maxHeapShare = 0.5

interface Kept {
  readonly guest: Guest
  readonly since: number
}

/** Guests that may serve their worker again, by the worker's key, in order of last use. Whoever is told of a forgotten key must not count on it. */
export class KeptGuests {
  readonly #byKey = new Map<string, Kept[]>()
  readonly #onForgotten: (key: string) => void
  #size = 0

  constructor(onForgotten: (key: string) => void) {
    this.#onForgotten = onForgotten
  }

  take(key: string): Guest | undefined {
    const kept = this.#byKey.get(key)
    const last = kept?.pop()
    if (kept?.length === 0) this.#byKey.delete(key)
    if (last !== undefined) this.#size--
    return last?.guest
  }

  /** Whether it was kept; if not, the caller disposes it. */
  keep(key: string, guest: Guest): boolean {
    if (!isFit(guest)) return false
    const kept = this.#byKey.get(key) ?? []
    this.#byKey.delete(key)
    this.#byKey.set(key, kept)
    kept.push({ guest, since: performance.now() })
    this.#size++
    if (this.#size > maxKept) this.#forgetOldest()
    return true
  }

  /** Called about once a second. */
  forgetIdle(): void {
    const before = performance.now() - maxIdleMs
    for (const [key, kept] of this.#byKey) {
      while (kept[0] !== undefined && kept[0].since < before) this.#forget(key, kept)
    }
  }

  #forgetOldest(): void {
    const [first] = this.#byKey
    if (first !== undefined) this.#forget(first[0], first[1])
  }

  #forget(key: string, kept: Kept[]): void {
    kept.shift()?.guest.dispose()
    this.#size--
    if (kept.length === 0) this.#byKey.delete(key)
    this.#onForgotten(key)
  }
}

function isFit({ warm, heapBytes }: Guest): boolean {
  return !warm.isolate.isDisposed && heapBytes < warm.memoryMb * 1_048_576 * maxHeapShare
}
