import type { GuestBundle } from "./guest-bundle.ts"
import { WarmIsolate } from "./warm-isolate.ts"

/** Isolate sizes that are kept warm beside the default one. */
const maxOtherSizes = 2
const otherTarget = 2
const quietMs = 2

/**
 * Isolates made ahead, used once. A memory limit is fixed when an isolate is made, so they are kept by size: many of the default size and a few
 * of those asked for last. Refilling happens between events, so that a waiting frame is never behind more than one creation.
 */
export class WarmPool {
  readonly #bundle: GuestBundle
  readonly #defaultMb: number
  readonly #target: number
  /** In order of last use, the default size included. */
  readonly #bySize = new Map<number, WarmIsolate[]>()
  #isRefilling = false
  #quiet: NodeJS.Timeout | undefined

  constructor(bundle: GuestBundle, defaultMb: number, target: number) {
    this.#bundle = bundle
    this.#defaultMb = defaultMb
    this.#target = target
    this.#bySize.set(defaultMb, [])
  }

  get size(): number {
    let size = 0
    for (const isolates of this.#bySize.values()) size += isolates.length
    return size
  }

  fill(): void {
    while (this.#makeOne());
  }

  take(memoryMb: number): WarmIsolate {
    let isolates = this.#bySize.get(memoryMb)
    if (isolates === undefined) {
      isolates = []
      this.#bySize.set(memoryMb, isolates)
      this.#forgetOldSize(memoryMb)
    }
    return isolates.pop() ?? new WarmIsolate(memoryMb, this.#bundle)
  }

  /** At once while the pool runs low; otherwise when no run has come for a moment, as making an isolate holds up the next one by a millisecond. */
  refillSoon(): void {
    if (this.#isRefilling) return
    if ((this.#bySize.get(this.#defaultMb)?.length ?? 0) * 2 > this.#target) return this.#refillWhenQuiet()
    this.#isRefilling = true
    setImmediate(() => this.#refill())
  }

  #refillWhenQuiet(): void {
    if (this.#quiet === undefined) {
      this.#quiet = setTimeout(() => {
        if (this.#isRefilling) return
        this.#isRefilling = true
        this.#refill()
      }, quietMs)
    } else this.#quiet.refresh()
  }

  #refill(): void {
    if (this.#makeOne()) setImmediate(() => this.#refill())
    else this.#isRefilling = false
  }

  #makeOne(): boolean {
    for (const [memoryMb, isolates] of this.#bySize) {
      if (isolates.length >= (memoryMb === this.#defaultMb ? this.#target : otherTarget)) continue
      isolates.push(new WarmIsolate(memoryMb, this.#bundle))
      return true
    }
    return false
  }

  #forgetOldSize(justUsed: number): void {
    const others = [...this.#bySize.keys()].filter((size) => size !== this.#defaultMb && size !== justUsed)
    if (others.length < maxOtherSizes) return
    const oldest = others[0] as number
    for (const isolate of this.#bySize.get(oldest) ?? []) isolate.dispose()
    this.#bySize.delete(oldest)
  }
}
