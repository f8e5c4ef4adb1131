import type { Kernel } from "../kernel.ts"

/** 256 UUIDs for one call of the host. */
const batchBytes = 4096
/** More than this is fetched by itself. */
const maxPooledBytes = 256

/** Random bytes of which each is given out once. */
export type TakeEntropy = (byteLength: number) => Uint8Array

export function createEntropyPool(kernel: Kernel): TakeEntropy {
  let batch = new Uint8Array(0)
  let used = 0
  return (byteLength) => {
    if (byteLength > maxPooledBytes) return new Uint8Array(kernel.entropy(byteLength))
    if (used + byteLength > batch.length) {
      batch = new Uint8Array(kernel.entropy(batchBytes))
      used = 0
    }
    used += byteLength
    return batch.subarray(used - byteLength, used)
  }
}
