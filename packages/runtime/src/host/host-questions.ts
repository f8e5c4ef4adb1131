import { randomBytes } from "node:crypto"
import { domainToASCII } from "node:url"

const maxEntropyBytes = 65_536
const maxDomain = 4_096
const maxText = 64 << 20

/** Answers the small synchronous questions of a guest. Bounded work, never throws: an exception here would show host paths to the guest. */
export function answerQuestion(
  question: unknown,
  argument: unknown,
  chunks: Readonly<Record<string, string>>,
): string | ArrayBuffer | null {
  try {
    if (question === "entropy") return entropy(argument)
    if (typeof question !== "string" || typeof argument !== "string") return null
    if (question === "chunk") return Object.hasOwn(chunks, argument) ? (chunks[argument] ?? null) : null
    if (question === "idna") return domainToASCII(argument.slice(0, maxDomain))
    if (question.startsWith("decode:") && argument.length <= maxText) return decode(question.slice(7, 60), argument)
    return null
  } catch {
    return null
  }
}

function entropy(argument: unknown): ArrayBuffer | null {
  if (typeof argument !== "number" || !(argument >= 0 && argument <= maxEntropyBytes)) return null
  const bytes = randomBytes(Math.floor(argument))
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer
}

function decode(label: string, byteString: string): string {
  return new TextDecoder(label).decode(Buffer.from(byteString, "latin1"))
}
