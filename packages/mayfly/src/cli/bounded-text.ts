import { MayflyError } from "@mayfly/protocol"

/** All of an answer as text. Rejects with `server.unreachable` for one that is longer: whoever answers may be anybody. */
export async function boundedText(chunks: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of chunks) {
    bytes += chunk.byteLength
    if (bytes > maxBytes)
      throw new MayflyError(
        "server.unreachable",
        `the answer has more than ${maxBytes} bytes, which no answer of Mayfly's has`,
      )
    parts.push(chunk)
  }
  return Buffer.concat(parts).toString("utf8")
}
