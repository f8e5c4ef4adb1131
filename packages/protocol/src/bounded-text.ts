import { MayflyError } from "./mayfly-error.ts"

/** More than the largest result and its logs are as JSON, and what a text can hold. */
const maxAnswerBytes = 512 << 20

/** All of an answer as text. Rejects with `client.not-mayfly` for one that is longer: whoever answers may be anybody. */
export async function boundedText(chunks: AsyncIterable<Uint8Array>, maxBytes = maxAnswerBytes): Promise<string> {
  const decoder = new TextDecoder()
  const parts: string[] = []
  let bytes = 0
  for await (const chunk of chunks) {
    bytes += chunk.byteLength
    if (bytes > maxBytes)
      throw new MayflyError(
        "client.not-mayfly",
        `the answer has more than ${maxBytes} bytes, which no answer of Mayfly's has`,
      )
    parts.push(decoder.decode(chunk, { stream: true }))
  }
  return parts.join("") + decoder.decode()
}
