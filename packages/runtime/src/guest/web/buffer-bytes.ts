import { argumentError } from "./argument-error.ts"

const { isView } = ArrayBuffer
const { apply, getOwnPropertyDescriptor } = Reflect
const bufferLength = getter(ArrayBuffer.prototype, "byteLength")
const tag = getter(Object.getPrototypeOf(Uint8Array.prototype) as object, Symbol.toStringTag)
const NativeUint8Array = Uint8Array

/** The bytes of a BufferSource, not copied; none when it is detached. Throws TypeError for anything else. */
export function bufferBytes(source: unknown): Uint8Array {
  if (isView(source)) return new NativeUint8Array(source.buffer, source.byteOffset, source.byteLength)
  if (!isArrayBuffer(source)) {
    throw argumentError('The "list" argument must be an instance of ArrayBuffer or ArrayBufferView.')
  }
  return source.detached ? new NativeUint8Array(0) : new NativeUint8Array(source)
}

/** "Uint8Array" and so on; undefined for what is no typed array. Guest code cannot fake it. */
export function typedArrayName(value: unknown): string | undefined {
  return apply(tag, value, []) as string | undefined
}

interface NativeArrayBuffer extends ArrayBuffer {
  readonly detached: boolean
}

function isArrayBuffer(value: unknown): value is NativeArrayBuffer {
  try {
    apply(bufferLength, value, [])
    return true
  } catch {
    return false
  }
}

function getter(prototype: object, name: string | symbol): () => unknown {
  const get = getOwnPropertyDescriptor(prototype, name)?.get
  if (get === undefined) throw new Error(`the engine lacks "${String(name)}"`)
  return get
}
