import assert from "node:assert/strict"
import { test } from "node:test"
import { type DecodedPacket, decode, encode, type Packet } from "dns-packet"
import { seed, seededRandom } from "../policy/seeded-random.ts"
import { dnsAnswer, type DnsOutcome, readDnsQuestion } from "./dns-message.ts"

function query(packet: Partial<Packet> = {}): Buffer {
  return encode({
    type: "query",
    id: 7,
    flags: 256,
    questions: [{ type: "A", class: "IN", name: "API.test" }],
    ...packet,
  })
}

test("readDnsQuestion takes one question of the usual kind, and nothing else", () => {
  const question = { id: 7, name: "API.test", type: "A", isExtended: false, isRecursive: true }
  assert.deepEqual(readDnsQuestion(query()), question)
  const [first] = decode(query()).questions ?? []
  assert.ok(first !== undefined)
  for (const [name, bytes] of Object.entries({
    "an answer": query({ type: "response" }),
    "two questions": query({ questions: [first, first] }),
    "no question": query({ questions: [] }),
    "another class": query({ questions: [{ ...first, class: "CH" }] }),
    "an update": query({ flags: 5 << 11 }),
    "a name that points at itself": Buffer.concat([query().subarray(0, 12), Buffer.from([0xc0, 12, 0, 1, 0, 1])]),
    "a label of 64": Buffer.concat([query().subarray(0, 12), Buffer.from([64, 97])]),
    "half a message": query().subarray(0, 20),
    nothing: Buffer.alloc(0),
    "too much": Buffer.concat([query(), Buffer.alloc(1_024)]),
  })) {
    assert.equal(readDnsQuestion(bytes), null, name)
  }
})

test("dnsAnswer says what became of it, and why when the asker can read that", () => {
  const question = readDnsQuestion(query())
  assert.ok(question !== null)
  const answered = (outcome: DnsOutcome, isExtended = false): DecodedPacket & { readonly rcode?: string } => {
    return decode(Buffer.from(dnsAnswer({ ...question, isExtended }, outcome) ?? []))
  }
  const found = answered({ kind: "address", address: "198.18.1.0", ttlSeconds: 60 })
  assert.deepEqual([found.id, found.rcode, found.flag_rd, found.flag_ra], [7, "NOERROR", true, true])
  assert.deepEqual(
    found.answers?.map((answer) => [answer.type, answer.name, "data" in answer ? answer.data : null]),
    [["A", "API.test", "198.18.1.0"]],
  )
  assert.deepEqual([answered({ kind: "empty" }).rcode, answered({ kind: "failed" }).rcode], ["NOERROR", "SERVFAIL"])
  const refused = answered({ kind: "refused", text: "because" }, true)
  assert.equal(refused.rcode, "NXDOMAIN")
  const [extra] = refused.additionals ?? []
  assert.ok(extra?.type === "OPT")
  const [option] = extra.options as unknown as readonly { readonly code: number; readonly data: Buffer }[]
  assert.deepEqual([option?.code, option?.data.toString("latin1")], [15, "\0\x0fbecause"])
  assert.deepEqual(answered({ kind: "refused", text: "because" }).additionals, [])
})

test("no message makes the reader throw, and what it read can be answered or not, without a throw", () => {
  const random = seededRandom(seed)
  for (let round = 0; round < 20_000; round++) {
    const bytes = query({
      additionals: [{ type: "OPT", name: ".", udpPayloadSize: 1_232, flags: 0, options: [] } as never],
    })
    for (let change = 0; change < 1 + random() * 6; change++)
      bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256)
    const question = readDnsQuestion(bytes)
    if (question !== null) dnsAnswer(question, { kind: "refused", text: "no" })
  }
})
