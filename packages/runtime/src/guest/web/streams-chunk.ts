import * as streams from "web-streams-polyfill"
import type { LoadChunk } from "../kernel.ts"
import type { StreamsChunk } from "./guest-streams.ts"
import { nameClasses } from "./name-classes.ts"
import { textStreams } from "./text-streams.ts"

/** The Streams Standard, from web-streams-polyfill, and the two text streams. */
const loadStreams: LoadChunk = () => {
  const { ReadableStream, TransformStream } = streams
  const isReadableStream = (value: unknown): boolean => value instanceof ReadableStream
  // The standard keeps "disturbed" to itself, but Body.bodyUsed is defined by it. Private; body.test.ts pins it.
  const isDisturbed = (stream: object): boolean => Reflect.get(stream, "_disturbed") === true
  const TransformPair = TransformStream as unknown as StreamsChunk["TransformStream"]
  return nameClasses({ ...streams, ...textStreams(TransformPair), isReadableStream, isDisturbed })
}

export default loadStreams
