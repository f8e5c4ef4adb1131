import { median } from "../measure/statistics.ts"

/** What the server holds after so many operations. */
export interface SoakSample {
  readonly done: number
  readonly serverBytes: number
  /** Host processes, the compiler and their jails: so many that they come and go with the load. */
  readonly otherBytes: number
  readonly descriptors: number
}

/** From the third quarter to the last: the first half fills caches that have bounds. */
export interface Growth {
  /** Bytes for each operation between the two. */
  readonly serverBytes: number
  readonly otherBytes: number
  readonly descriptors: number
  /** Undefined after too few operations to tell. */
  readonly isFlat: boolean | undefined
}

/** One small object that is kept for each operation is more. */
const maxServerBytes = 256
/** A host process more or less is 50 MB. */
const maxOtherBytes = 1_024
/** A host process takes two. */
const maxDescriptors = 4
/** Before that the heap still grows to where its garbage is collected. */
const leastOperations = 20_000

/** By medians, because memory goes up and down with the garbage and with the processes. */
export function growthOf(samples: readonly SoakSample[]): Growth {
  const quarter = Math.floor(samples.length / 4)
  const [third, last] = [samples.slice(2 * quarter, 3 * quarter), samples.slice(3 * quarter)]
  const middle = (part: readonly SoakSample[], name: keyof SoakSample): number => median(part.map((one) => one[name]))
  const operations = middle(last, "done") - middle(third, "done")
  const grown = (name: keyof SoakSample): number => middle(last, name) - middle(third, name)
  const serverBytes = grown("serverBytes") / operations
  const otherBytes = grown("otherBytes") / operations
  const descriptors = grown("descriptors")
  const isFlat = serverBytes < maxServerBytes && otherBytes < maxOtherBytes && descriptors <= maxDescriptors
  const isLong = (samples.at(-1)?.done ?? 0) >= leastOperations
  return { serverBytes, otherBytes, descriptors, isFlat: isLong ? isFlat : undefined }
}

export const flatMeans = `less than ${maxServerBytes} bytes for each operation in the server, ${maxOtherBytes} in its other processes, at most ${maxDescriptors} descriptors more`
