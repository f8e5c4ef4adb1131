import { type Answer, type DecodedPacket, decode, encode, type OptAnswer, type Packet } from "dns-packet"

/** The one thing that a sandbox's question asks. */
export interface DnsQuestion {
  readonly id: number
  /** As it was spelt, without a dot at its end. */
  readonly name: string
  readonly type: string
  /** RFC 6891: the asker reads more than the plain format holds. */
  readonly isExtended: boolean
  /** RD, which an answer repeats. */
  readonly isRecursive: boolean
}

export type DnsOutcome =
  | { readonly kind: "address"; readonly address: string; readonly ttlSeconds: number }
  /** The name is there, and has nothing of what was asked. */
  | { readonly kind: "empty" }
  /** There is no such name, for this sandbox. */
  | { readonly kind: "refused"; readonly text: string }
  | { readonly kind: "failed" }

/** Far more than any question needs. */
export const maxQuestionBytes = 1_024

/** Reads a question, or null for what is none: an answer, other operations, several questions at once, garbage. */
export function readDnsQuestion(bytes: Uint8Array): DnsQuestion | null {
  if (bytes.byteLength > maxQuestionBytes) return null
  const packet = decoded(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
  if (packet === null || packet.type !== "query" || ((packet.flags ?? 0) & operationBits) !== 0) return null
  const [question, ...others] = packet.questions ?? []
  if (question === undefined || others.length > 0 || question.class !== "IN") return null
  return {
    id: packet.id ?? 0,
    name: question.name,
    type: question.type,
    isExtended: (packet.additionals ?? []).some(({ type }) => type === "OPT"),
    isRecursive: packet.flag_rd,
  }
}

/** The answer as bytes, null when it cannot be written: a name that was read need not be one that can be spelt. */
export function dnsAnswer(question: DnsQuestion, outcome: DnsOutcome): Uint8Array | null {
  const { id, name, type, isExtended, isRecursive } = question
  const packet: Packet = {
    type: "response",
    id,
    flags: (isRecursive ? recursionDesired : 0) | recursionAvailable | codes[outcome.kind],
    questions: [{ type: type as "A", class: "IN", name }],
    answers: outcome.kind === "address" ? [addressRecord(name, outcome)] : [],
    additionals: isExtended ? [options(outcome)] : [],
  }
  try {
    return encode(packet)
  } catch {
    return null
  }
}

/** RFC 1035, 4.1.1: all of them zero is a standard query. */
const operationBits = 15 << 11
const recursionDesired = 1 << 8
const recursionAvailable = 1 << 7
/** NXDOMAIN for what is refused: a resolver that reads REFUSED tries again elsewhere, and a program waits. */
const codes: Readonly<Record<DnsOutcome["kind"], number>> = { address: 0, empty: 0, refused: 3, failed: 2 }

function decoded(bytes: Buffer): DecodedPacket | null {
  try {
    return decode(bytes)
  } catch {
    return null
  }
}

function addressRecord(name: string, { address, ttlSeconds }: { address: string; ttlSeconds: number }): Answer {
  return { type: "A", class: "IN", name, ttl: ttlSeconds, data: address }
}

const maxTextBytes = 400

/** RFC 8914: why a name is refused, for those who show it (`dig` does). */
function options(outcome: DnsOutcome): OptAnswer {
  const blocked = Buffer.alloc(2)
  blocked.writeUInt16BE(15)
  const text = outcome.kind === "refused" ? Buffer.from(outcome.text).subarray(0, maxTextBytes) : null
  const extended = text === null ? [] : [{ code: 15, data: Buffer.concat([blocked, text]) }]
  return {
    type: "OPT",
    name: ".",
    udpPayloadSize: 1_232,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: extended as unknown as OptAnswer["options"],
  }
}
