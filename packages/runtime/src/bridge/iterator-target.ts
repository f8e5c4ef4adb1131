import type { Session } from "./session.ts"

export interface IteratorLike {
  next(): unknown
  return?(): unknown
}

interface Step {
  readonly done: boolean
  readonly value?: unknown
}

// Taken at evaluation: this file also runs inside isolates, where guest code may replace intrinsics later.
const { apply, defineProperty, get } = Reflect
const SymbolOf = Symbol
const { asyncIterator, iterator } = Symbol
const asyncDispose: symbol = (Symbol as { asyncDispose?: symbol }).asyncDispose ?? Symbol.for("asyncDispose")
const TypeErrorOf = TypeError

type Callable = (...args: unknown[]) => unknown

/** The iterator behind an async iterable or a generator. Other iterables (arrays, maps, strings) are data: undefined. */
export function iteratorOf(value: unknown): IteratorLike | undefined {
  if (typeof value !== "object" || value === null) return undefined
  const open: unknown = get(value, asyncIterator)
  if (typeof open === "function") return apply(open as Callable, value, []) as IteratorLike
  const isGenerator = typeof get(value, iterator) === "function" && typeof get(value, "next") === "function"
  return isGenerator ? (value as IteratorLike) : undefined
}

/** An iterator that the other side advances, a value per call: it is never ahead of its reader. */
export class IteratorTarget {
  readonly #iterator: IteratorLike
  readonly #finished: () => void

  /** `finished` is called when the iterator has ended, failed, or was told to return. */
  constructor(iterator: IteratorLike, finished: () => void = () => {}) {
    this.#iterator = iterator
    this.#finished = finished
  }

  async next(): Promise<Step> {
    let step: Step
    try {
      step = await stepOf(this.#iterator)
    } catch (error) {
      this.#finished()
      throw error
    }
    if (step.done) this.#finished()
    return step
  }

  /** The reader has had enough: the generator's `finally` blocks run. */
  async return(): Promise<void> {
    try {
      await this.#iterator.return?.()
    } finally {
      this.#finished()
    }
  }

  /** A stub that comes home is iterated here as it was there. */
  [asyncIterator](): this {
    return this
  }
}

/** One step. What a synchronous generator yields may be a promise, which `for await` would wait for. */
export async function stepOf(from: IteratorLike): Promise<Step> {
  const step: unknown = await from.next()
  if (typeof step !== "object" || step === null) throw new TypeErrorOf("an iterator gave something that is no object")
  const { done, value } = step as { done?: unknown; value?: unknown }
  return { done: Boolean(done), value: await value }
}

/** The other side's iterator, here. Leaving a loop over it tells the other side. */
export function iterableFrom(session: Session, id: number): AsyncIterableIterator<unknown> {
  let isOver = false
  const end = (): void => {
    isOver = true
    session.drop(id)
  }
  const stop = async (): Promise<void> => {
    if (isOver) return
    isOver = true
    try {
      await session.call(id, "return", [])
    } finally {
      session.drop(id)
    }
  }
  const iterable: AsyncIterableIterator<unknown> = {
    async next(): Promise<IteratorResult<unknown>> {
      if (isOver) return { done: true, value: undefined }
      try {
        const step = (await session.call(id, "next", [])) as Step
        if (step.done) end()
        return step as IteratorResult<unknown>
      } catch (error) {
        end()
        throw error
      }
    },
    async return(value?: unknown): Promise<IteratorResult<unknown>> {
      await stop()
      return { done: true, value }
    },
    [SymbolOf.asyncIterator]: () => iterable,
  }
  defineProperty(iterable, asyncDispose, { value: stop })
  return iterable
}
