import { encodedUndefined, encodePlain } from "@mayfly/protocol/clone/plain"
import { iteratorOf, type IteratorLike, stepOf } from "../bridge/iterator-target.ts"
import type { GuestKernel } from "./guest-kernel.ts"
import type { GuestJob } from "./job.ts"

// Taken at evaluation, before guest code can replace them.
const PromiseOf = Promise
const { apply } = Reflect
const sliceText = String.prototype.slice

/**
 * Turns what the program gave into the run's encoded result. A result with stubs in it goes ahead of the run's end, which comes when the caller
 * holds none of them any more; so do the values of a generator that the caller reads one by one.
 */
export async function giveResult(value: unknown, job: GuestJob, kernel: GuestKernel): Promise<string> {
  if (job.gives === "stubs") return giveStubs(value, job, kernel)
  const iterator = iteratorOf(value)
  if (iterator !== undefined) {
    return job.gives === "values" ? giveValues(iterator, job, kernel) : collectValues(iterator, job, kernel)
  }
  return job.gives === "targets" ? giveStubs(value, job, kernel) : kernel.encodeResult(value, job.outputBytes)
}

async function giveStubs(value: unknown, job: GuestJob, kernel: GuestKernel): Promise<string> {
  const { outputBytes } = job
  if (value === undefined) return encodedUndefined
  const plain = encodePlain(value, outputBytes)
  if (plain !== undefined) return plain
  const { session } = kernel
  const before = session.sentCount
  const text = session.encode(value, {
    root: "result",
    maxLength: outputBytes,
    ...(job.gives === "targets" ? { only: (given: object) => given instanceof kernel.rich.RpcTarget } : {}),
  })
  if (session.sentCount === before) return text
  kernel.outbox.put("R", 0, text)
  await new PromiseOf<void>((resolve) => session.whenQuiet(resolve))
  return encodedUndefined
}

/** The caller asks for one value after another. What the generator returns is the run's result. */
async function giveValues(iterator: IteratorLike, job: GuestJob, kernel: GuestKernel): Promise<string> {
  const source = new ValueSource(iterator, job, kernel)
  kernel.outbox.put("R", kernel.session.exportTarget(source), "")
  return kernel.encodeResult(await source.returned, source.bytesLeft)
}

/** What the caller calls, until the iterator has ended, failed, or was told to return. */
class ValueSource {
  readonly returned: Promise<unknown>
  bytesLeft: number
  readonly #iterator: IteratorLike
  readonly #kernel: GuestKernel
  #end: (outcome: unknown) => void = () => {}

  constructor(iterator: IteratorLike, { outputBytes }: GuestJob, kernel: GuestKernel) {
    this.#iterator = iterator
    this.#kernel = kernel
    this.bytesLeft = outputBytes
    this.returned = new PromiseOf((resolve) => (this.#end = resolve))
  }

  async next(): Promise<{ readonly done: boolean; readonly text?: string }> {
    const next = this.#next()
    // Settles as the step does when that fails.
    next.catch(() => this.#end(next))
    return next
  }

  async #next(): Promise<{ readonly done: boolean; readonly text?: string }> {
    const { done, value } = await stepOf(this.#iterator)
    if (done) {
      this.#end(value)
      return { done }
    }
    const text = encodeYielded(value, "value", this.bytesLeft, this.#kernel)
    this.bytesLeft -= text.length - 1
    return { done, text }
  }

  async return(): Promise<void> {
    const stopped = (async () => void (await this.#iterator.return?.()))()
    this.#end(stopped)
    await stopped
  }
}

/** Nobody reads along: all values, as an array. Each is encoded when it is there, as a reader would have seen it. */
async function collectValues(iterator: IteratorLike, job: GuestJob, kernel: GuestKernel): Promise<string> {
  const texts: string[] = []
  let used = 0
  let isPlain = true
  for (let step = await stepOf(iterator); !step.done; step = await stepOf(iterator)) {
    const text = encodeYielded(step.value, `result[${texts.length}]`, job.outputBytes - used, kernel)
    used += text.length
    isPlain &&= text[0] === "j"
    texts[texts.length] = text
  }
  return isPlain ? plainList(texts) : kernel.encodeResult(decodeAll(texts, kernel), job.outputBytes)
}

function plainList(texts: readonly string[]): string {
  let list = ""
  for (let at = 0; at < texts.length; at++) {
    list += (at === 0 ? "" : ",") + (apply(sliceText, texts[at], [1]) as string)
  }
  return `j[${list}]`
}

function decodeAll(texts: readonly string[], kernel: GuestKernel): unknown[] {
  const values: unknown[] = []
  for (let at = 0; at < texts.length; at++) values[at] = kernel.decode(texts[at] as string)
  return values
}

/** Data only. Throws what `encodeValue` throws, with `root` in the path. */
function encodeYielded(value: unknown, root: string, maxLength: number, kernel: GuestKernel): string {
  const left = maxLength < 0 ? 0 : maxLength
  return encodePlain(value, left) ?? kernel.rich.encodeValue(value, { root, maxLength: left })
}
