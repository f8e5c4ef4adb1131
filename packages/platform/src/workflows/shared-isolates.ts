import type { ScriptIsolate } from "./script-isolate.ts"

/** Instances of one program in one isolate before another one is started … */
const together = 200
/** … and isolates of one program; then they get fuller. */
const maxOfProgram = 4
const maxServed = 1_000
const longestMs = 10_000
/** One that holds nobody goes. */
const idleMs = 2_000

interface Shared {
  readonly isolate: ScriptIsolate
  readonly until: number
  idle?: NodeJS.Timeout
}

/** Warm isolates of one program and tenant, each for many instances, and for a while: its limit of CPU is over its whole life. */
export class SharedIsolates {
  readonly #isolates: Shared[] = []

  /** One that takes an instance now. Give it back with `left`. `cpuMs` is the isolate's limit. */
  find(cpuMs: number | null, start: (onEnd: () => void) => ScriptIsolate): ScriptIsolate {
    const now = performance.now()
    for (const shared of this.#isolates.filter((one) => !isOpen(one, now))) this.#retire(shared)
    const best = this.#isolates.toSorted((a, b) => a.isolate.size - b.isolate.size)[0]
    if (best !== undefined && (best.isolate.size < together || this.#isolates.length >= maxOfProgram)) {
      clearTimeout(best.idle)
      return best.isolate
    }
    const isolate: ScriptIsolate = start(() => this.#forget(isolate))
    // A lane gives an isolate no more CPU than time passes: those who are in it then have the larger part left.
    const until = now + Math.min(longestMs, (cpuMs ?? Infinity) / 3)
    this.#isolates.push({ isolate, until })
    return isolate
  }

  /** An instance has left it. */
  left(isolate: ScriptIsolate): void {
    if (isolate.size > 0) return
    const shared = this.#isolates.find((one) => one.isolate === isolate)
    if (shared === undefined) return isolate.release()
    clearTimeout(shared.idle)
    shared.idle = setTimeout(() => this.#retire(shared), idleMs).unref()
  }

  #retire({ isolate, idle }: Shared): void {
    clearTimeout(idle)
    this.#forget(isolate)
    if (isolate.size === 0) isolate.release()
  }

  #forget(isolate: ScriptIsolate): void {
    const at = this.#isolates.findIndex((one) => one.isolate === isolate)
    if (at !== -1) this.#isolates.splice(at, 1)
  }
}

function isOpen({ isolate, until }: Shared, now: number): boolean {
  return !isolate.isGone && isolate.served < maxServed && now < until
}
