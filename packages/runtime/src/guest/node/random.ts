import { bufferClass } from "./hash.ts"

const maxEntropy = 65_536
const maxInteger = 2 ** 48 - 1

type Callback<Value> = (error: Error | null, value: Value) => void

export function randomBytes(size: number, callback?: Callback<Buffer>): Buffer | undefined {
  return answer(randomFillSync(bufferClass().alloc(size)), callback)
}

export function randomFillSync<View extends ArrayBufferView | ArrayBuffer>(
  view: View,
  offset = 0,
  size?: number,
): View {
  const all = ArrayBuffer.isView(view)
    ? new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
    : new Uint8Array(view)
  const bytes = all.subarray(offset, size === undefined ? undefined : offset + size)
  // The global draws from a pool; asking the host for each call would be slow and soon too often.
  for (let at = 0; at < bytes.length; at += maxEntropy) crypto.getRandomValues(bytes.subarray(at, at + maxEntropy))
  return view
}

/** An integer from `min` up to, not including, `max`; without `min` from 0. */
export function randomInt(...args: readonly (number | Callback<number>)[]): number | undefined {
  const callback = args.find((argument) => typeof argument === "function")
  const numbers = args.filter((argument) => typeof argument === "number")
  const [min, max] = numbers.length > 1 ? [numbers[0] ?? 0, numbers[1] ?? 0] : [0, numbers[0] ?? 0]
  const range = max - min
  if (!Number.isSafeInteger(min) || !Number.isSafeInteger(max) || range <= 0 || range > maxInteger) {
    throw Object.assign(new RangeError(`The value of "max" is out of range: ${min} to ${max}`), {
      code: "ERR_OUT_OF_RANGE",
    })
  }
  return answer(min + below(range), callback)
}

/** Values past the last whole multiple of `range` would make small results likelier. */
function below(range: number): number {
  const limit = maxInteger + 1 - ((maxInteger + 1) % range)
  for (;;) {
    const value = randomFillSync(bufferClass().alloc(6)).readUIntBE(0, 6)
    if (value < limit) return value % range
  }
}

function answer<Value>(value: Value, callback: Callback<Value> | undefined): Value | undefined {
  if (callback === undefined) return value
  setTimeout(() => callback(null, value), 0)
  return undefined
}
