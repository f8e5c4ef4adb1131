import { MayflyError } from "@mayfly/protocol"
import type { Output } from "./output.ts"
import { safeLine } from "./safe-line.ts"

export interface ProgressOptions {
  readonly output: Output
  readonly name: string
  /** Of all, where it is known. */
  readonly size?: number | undefined
  /** One byte more is `sandbox.file-too-large`. */
  readonly maxBytes?: number
}

export interface Counted extends AsyncIterable<Uint8Array> {
  /** So far. */
  readonly bytes: number
}

/** Nobody needs to be told of what is over at once. */
const quietMs = 500
const everyMs = 100

/** The same bytes, with a line on the user's terminal that says how far they are. */
export function withProgress(source: AsyncIterable<Uint8Array>, options: ProgressOptions): Counted {
  const { output, name, size, maxBytes = Number.POSITIVE_INFINITY } = options
  const { stderr } = output
  const begun = performance.now()
  let [bytes, shownAt] = [0, begun + quietMs - everyMs]
  const show = (): void => {
    const now = performance.now()
    if (!stderr.isTTY || now - shownAt < everyMs) return
    shownAt = now
    const rate = `${megabytes(bytes / ((now - begun) / 1_000))}/s`
    const whole = size === undefined ? "" : ` of ${megabytes(size)}`
    stderr.write(`\r\x1b[K${safeLine(name)}: ${megabytes(bytes)}${whole}, ${rate}`)
  }
  async function* counted(): AsyncGenerator<Uint8Array, void, void> {
    try {
      for await (const chunk of source) {
        bytes += chunk.length
        if (bytes > maxBytes) throw tooLarge(name, maxBytes)
        show()
        yield chunk
      }
    } finally {
      if (stderr.isTTY && shownAt > begun + quietMs) stderr.write("\r\x1b[K")
    }
  }
  return {
    get bytes() {
      return bytes
    },
    [Symbol.asyncIterator]: counted,
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(1)} MiB`
}

function tooLarge(name: string, maxBytes: number): MayflyError {
  const message = `"${name}" has more than ${maxBytes} bytes; nothing was copied`
  return new MayflyError("sandbox.file-too-large", message, { fix: "Raise --max-mb, or copy a part of it." })
}
