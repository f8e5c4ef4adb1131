import { installedKernel } from "./installed-kernel.ts"

/** What the other chunks use of the streams chunk. The DOM's own types are not in scope here. */
export interface GuestReadableStream {
  readonly locked: boolean
  getReader(): GuestReader
  tee(): [GuestReadableStream, GuestReadableStream]
  pipeThrough(pair: GuestTransformStream): GuestReadableStream
  cancel(reason?: unknown): Promise<void>
}

export interface GuestReader {
  read(): Promise<{ readonly done: boolean; readonly value?: unknown }>
  cancel(reason?: unknown): Promise<void>
  releaseLock(): void
}

export interface GuestTransformStream {
  readonly readable: GuestReadableStream
  readonly writable: unknown
}

export interface ByteSource {
  readonly type: "bytes"
  start?(controller: ByteController): void
  pull?(controller: ByteController): void
}

/** A source of a stream that is not of bytes. */
export interface StreamSource {
  start?(controller: StreamController): void
  pull?(controller: StreamController): void | Promise<void>
  cancel?(reason: unknown): void | Promise<void>
}

export interface StreamController {
  enqueue(chunk: unknown): void
  close(): void
  error(reason: unknown): void
}

export interface ByteController {
  readonly byobRequest: { respond(bytesWritten: number): void } | null
  enqueue(chunk: Uint8Array): void
  close(): void
}

export interface Transformer {
  transform(chunk: unknown, controller: TransformController): void
  flush(controller: TransformController): void
}

export interface TransformController {
  enqueue(chunk: unknown): void
}

export interface StreamsChunk {
  readonly ReadableStream: new (
    source: ByteSource | StreamSource,
    strategy?: { highWaterMark: number },
  ) => GuestReadableStream
  readonly TransformStream: new (transformer?: Transformer) => GuestTransformStream
  isReadableStream(value: unknown): value is GuestReadableStream
  isDisturbed(stream: GuestReadableStream): boolean
}

/** Evaluates the streams chunk on first use, so that a program without streams does not pay for it. */
export function loadStreams(): StreamsChunk {
  return installedKernel().chunk<StreamsChunk>("streams")
}

/** The tag is looked at first, because a value without it cannot be a stream and the chunk need not be loaded. */
export function isReadableStream(value: unknown): value is GuestReadableStream {
  return hasTag(value, "ReadableStream") && loadStreams().isReadableStream(value)
}

/** Whether `value` claims to be `tag`. Cheap, and only a hint: any guest object can claim it. */
export function hasTag(value: unknown, tag: string): boolean {
  return typeof value === "object" && value !== null && Reflect.get(value, Symbol.toStringTag) === tag
}

/** A byte stream of one chunk. Takes ownership of `bytes`, which are detached when they are read. */
export function streamOf(bytes: Uint8Array): GuestReadableStream {
  const { ReadableStream } = loadStreams()
  if (bytes.length === 0) return closedStream()
  const pull = (controller: ByteController): void => {
    controller.enqueue(bytes)
    controller.close()
  }
  // No read-ahead: a body counts as used as soon as its stream is pulled.
  return new ReadableStream({ type: "bytes", pull }, { highWaterMark: 0 })
}

export function closedStream(): GuestReadableStream {
  const { ReadableStream } = loadStreams()
  return new ReadableStream({ type: "bytes", start: (controller: ByteController) => controller.close() })
}
