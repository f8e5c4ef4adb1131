/** What a frame is. `open` and `cancel` go to the agent only, `close` comes from it only. */
export const frameType = { open: 0, message: 1, data: 2, end: 3, credit: 4, close: 5, cancel: 6 } as const

export type FrameType = (typeof frameType)[keyof typeof frameType]

export interface Frame {
  readonly type: number
  readonly channel: number
  readonly payload: Buffer
}

/** The most bytes of one frame after its length. Honest peers stay far below it. */
export const maxFrameBytes = 256 * 1_024
const headBytes = 5

/** u32 length of what follows, u8 type, u32 channel, payload. */
export function encodeFrame(type: FrameType, channel: number, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(4 + headBytes + payload.length)
  frame.writeUInt32LE(headBytes + payload.length, 0)
  frame.writeUInt8(type, 4)
  frame.writeUInt32LE(channel, 5)
  frame.set(payload, 9)
  return frame
}

/** Cuts a byte stream into frames. Holds at most one unfinished frame. */
export class FrameReader {
  readonly #onFrame: (frame: Frame) => void
  #rest: Buffer = Buffer.alloc(0)

  constructor(onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame
  }

  /** Throws when the peer announces a frame of an impossible size. */
  feed(chunk: Buffer): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    while (bytes.length >= 4) {
      const length = bytes.readUInt32LE(0)
      if (length < headBytes || length > maxFrameBytes) throw new Error(`a frame of ${length} bytes was announced`)
      if (bytes.length < 4 + length) break
      const payload = bytes.subarray(4 + headBytes, 4 + length)
      this.#onFrame({ type: bytes.readUInt8(4), channel: bytes.readUInt32LE(5), payload })
      bytes = bytes.subarray(4 + length)
    }
    this.#rest = bytes
  }
}
