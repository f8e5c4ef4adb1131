import type { LogChunk } from "@mayfly/protocol"

export interface KeptOutput {
  readonly texts: Readonly<Record<"stdout" | "stderr", string>>
  readonly isCut: boolean
  /** Gives what came, as callers see it. */
  add(chunk: LogChunk): LogChunk
}

/** The beginning of each stream, whatever a server sends. */
export function keepOutput(most = 16 << 20): KeptOutput {
  const texts = { stdout: "", stderr: "" }
  let isCut = false
  return {
    texts,
    get isCut() {
      return isCut
    },
    add({ stream: given, text: sent }) {
      const stream = given === "stderr" ? "stderr" : "stdout"
      const text = String(sent)
      isCut ||= texts[stream].length + text.length > most
      texts[stream] += text.slice(0, Math.max(0, most - texts[stream].length))
      return { stream, text }
    },
  }
}
