import decoder from "string_decoder/"
import { Buffer, INSPECT_MAX_BYTES, kMaxLength, SlowBuffer } from "unenv/node/internal/buffer/buffer"
import type { LoadChunk } from "../kernel.ts"
import { nameClasses } from "../web/name-classes.ts"
import { addBase64Url } from "./base64url.ts"
import { lazyGlobals } from "./lazy-globals.ts"

/** Buffer, from unenv (feross/buffer), and StringDecoder. Also the global `Buffer`. */
const loadBuffer: LoadChunk = () => {
  nameClasses({ Buffer })
  addBase64Url(Buffer)
  return { Buffer, "node:buffer": bufferModule(), "node:string_decoder": nameClasses({ ...decoder }) }
}

export default loadBuffer

function bufferModule(): object {
  return Object.assign(lazyGlobals(["Blob", "File", "atob", "btoa"]), {
    Buffer,
    SlowBuffer,
    kMaxLength,
    INSPECT_MAX_BYTES,
    kStringMaxLength: 536_870_888,
    constants: { MAX_LENGTH: kMaxLength, MAX_STRING_LENGTH: 536_870_888 },
    isUtf8,
    isAscii,
    transcode,
  })
}

type Bytes = ArrayBuffer | ArrayBufferView

function isUtf8(input: Bytes): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytesOf(input))
    return true
  } catch {
    return false
  }
}

function isAscii(input: Bytes): boolean {
  return bytesOf(input).every((byte) => byte < 128)
}

function bytesOf(input: Bytes): Uint8Array {
  return ArrayBuffer.isView(input)
    ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
    : new Uint8Array(input)
}

function transcode(source: Uint8Array, from: BufferEncoding, to: BufferEncoding): Buffer {
  const { buffer, byteOffset, byteLength } = source
  return Buffer.from(Buffer.from(buffer, byteOffset, byteLength).toString(from), to)
}
