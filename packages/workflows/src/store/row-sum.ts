import { crc32 } from "node:zlib"

/** SQLite sees that a page is torn, not that a text in it is another one now. Kept beside the row. */
export function sumOf(...texts: readonly (string | number | null | undefined)[]): number {
  return crc32(texts.map((text) => text ?? "").join("\n"))
}
