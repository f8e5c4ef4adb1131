import assert from "node:assert/strict"
import { test } from "node:test"
import { conform, createGuest } from "./isolate-harness.ts"

const hex = `const hex = (bytes) => [...bytes].map((b) => b.toString(16).padStart(2, "0")).join(" ");`

test("TextEncoder equals Node's", async () => {
  await using guest = await createGuest()
  await conform(guest, {
    text: `${hex} const e = new TextEncoder(); return ["", "abc", "é", "€", "😀", "a\\ud800b", "\\udc00", "\\ud83d", "x\\ud83d\\ude00y", "\\u0000\\u007f\\u0080\\u07ff\\u0800\\uffff", undefined, null, 5].map((t) => hex(e.encode(t)))`,
    parts: `const e = new TextEncoder(); return [e.encoding, e.encode() instanceof Uint8Array, e.encode("abc").buffer.byteLength, e.encode("€").buffer.byteLength, TextEncoder.name, String(e)]`,
    symbol: `return attempt(() => new TextEncoder().encode(Symbol()))`,
    encodeInto: `${hex} const e = new TextEncoder(); const out = []; for (const t of ["abc", "é€😀", "a\\ud800", "\\ud83d\\ude00"]) for (let n = 0; n < 10; n++) { const b = new Uint8Array(n); out.push([e.encodeInto(t, b), hex(b)]) } return out`,
    "encodeInto elsewhere": `return [[], new Uint8ClampedArray(1), new DataView(new ArrayBuffer(1))].map((d) => attempt(() => new TextEncoder().encodeInto("a", d)))`,
    "encodeInto a part": `const b = new Uint8Array(6); new TextEncoder().encodeInto("xyz", b.subarray(2, 4)); return [...b]`,
    long: `const t = "aé€😀".repeat(20000); const b = new TextEncoder().encode(t); return [b.length, new TextDecoder().decode(b) === t]`,
  })
})

test("TextDecoder equals Node's on text and options", async () => {
  await using guest = await createGuest()
  await conform(guest, {
    parts: `const d = new TextDecoder(" UTF8\\n", { fatal: 1 }); return [d.encoding, d.fatal, d.ignoreBOM, TextDecoder.name, String(d)]`,
    "byte order marks": `const b = Uint8Array.of(0xef, 0xbb, 0xbf, 0x61, 0xef, 0xbb, 0xbf); const d = new TextDecoder(); return [d.decode(b), d.decode(b), new TextDecoder("utf-8", { ignoreBOM: true }).decode(b)]`,
    "split mark": `const d = new TextDecoder(); return [d.decode(Uint8Array.of(0xef), { stream: true }), d.decode(Uint8Array.of(0xbb, 0xbf, 0x61), { stream: true }), d.decode(), d.decode(Uint8Array.of(0xef, 0xbb, 0xbf, 0x62))]`,
    inputs: `const d = new TextDecoder(), b = Uint8Array.of(97, 98, 99, 100); return [d.decode(b.buffer), d.decode(b.subarray(1, 3)), d.decode(new DataView(b.buffer, 2)), d.decode(new Uint16Array(b.buffer)), d.decode(), d.decode(undefined)]`,
    "bad inputs": `const d = new TextDecoder(); return [1, null, "a", {}, []].map((v) => attempt(() => d.decode(v)))`,
    "bad labels": `return ["x", "utf-9", "", "\\u00a0utf-8", "utf-8\\0"].map((l) => attempt(() => new TextDecoder(l)))`,
    fatal: `const d = new TextDecoder("utf-8", { fatal: true }); return [[0xff], [0xc2], [0xe2, 0x82], [0xed, 0xa0, 0x80], [97]].map((b) => attempt(() => d.decode(Uint8Array.from(b))))`,
    detached: `const b = new ArrayBuffer(4); b.transfer(); return new TextDecoder().decode(b)`,
    latin1: `const all = Uint8Array.from({ length: 256 }, (_, i) => i); return new TextDecoder("latin1").decode(all)`,
    labels: `return ["unicode-1-1-utf-8","unicode11utf8","unicode20utf8","utf-8","utf8","x-unicode20utf8","csunicode","iso-10646-ucs-2","ucs-2","unicode","unicodefeff","utf-16","utf-16le","unicodefffe","utf-16be","ansi_x3.4-1968","ascii","cp1252","cp819","csisolatin1","ibm819","iso-8859-1","iso-ir-100","iso8859-1","iso88591","iso_8859-1","iso_8859-1:1987","l1","latin1","us-ascii","windows-1252","x-cp1252"].map((l) => new TextDecoder(l).encoding)`,
    "other encodings": `const b = Uint8Array.of(0x83, 0x65, 0x83, 0x58, 0x83, 0x67); const d = new TextDecoder("shift_jis"); return [d.decode(b), d.decode(b.subarray(0, 1), { stream: true }) + d.decode(b.subarray(1)), new TextDecoder("koi8-r").decode(Uint8Array.of(0xc1, 0xc2))]`,
    long: `const b = new Uint8Array(100_001).map((_, i) => 32 + (i % 90)); return [new TextDecoder().decode(b), new TextDecoder("latin1").decode(b) === new TextDecoder().decode(b)]`,
  })
})

// Malformed sequences of every kind, whole and cut at every place. Deterministic, so that a failure can be repeated.
const fuzz = (label: string, fatal: boolean): string => `
  const pieces = [[0x61], [0x7f], [0x80], [0xbf], [0xc0], [0xc1, 0x80], [0xc2], [0xc3, 0xa9], [0xe0, 0x80], [0xe0, 0xa0], [0xe2, 0x82, 0xac],
    [0xe2, 0x82], [0xed, 0xa0, 0x80], [0xed, 0x9f, 0xbf], [0xef, 0xbb, 0xbf], [0xf0, 0x80], [0xf0, 0x90, 0x80], [0xf0, 0x9f, 0x98, 0x80],
    [0xf0, 0x9f], [0xf4, 0x8f, 0xbf, 0xbf], [0xf4, 0x90], [0xf5], [0xff], [0xd8, 0x3d], [0xde, 0x00], [0x3d, 0xd8], [0x00, 0xde], [0x00]]
  let seed = 7; const next = (n) => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % n
  const out = []
  for (let round = 0; round < 400; round++) {
    const bytes = Uint8Array.from(Array.from({ length: 1 + next(6) }, () => pieces[next(pieces.length)]).flat())
    const options = { fatal: ${fatal}, ignoreBOM: round % 2 === 0 }
    out.push(attempt(() => new TextDecoder("${label}", options).decode(bytes)))
    const cut = next(bytes.length + 1), second = cut + next(bytes.length + 1 - cut), d = new TextDecoder("${label}", options)
    out.push(attempt(() => [d.decode(bytes.subarray(0, cut), { stream: true }), d.decode(bytes.subarray(cut, second), { stream: true }), d.decode(bytes.subarray(second))].join("")))
  }
  return out`

test("TextDecoder equals Node's on malformed and split input", async () => {
  await using guest = await createGuest()
  await conform(guest, {
    "utf-8": fuzz("utf-8", false),
    "utf-8 fatal": fuzz("utf-8", true),
    "utf-16le": fuzz("utf-16le", false),
    "utf-16be": fuzz("utf-16be", false),
    "utf-16le fatal": fuzz("utf-16le", true),
  })
})

test("TextDecoder gives U+FFFD for each maximal subpart", async () => {
  await using guest = await createGuest()
  const source = `const d = new TextDecoder(); return [[0xf0, 0x9f, 0x98], [0xe2, 0x82, 0x61], [0xed, 0xa0, 0x80], [0xc0, 0x80]].map((b) => d.decode(Uint8Array.from(b)))`
  assert.deepEqual(await guest.evaluate(source), ["\ufffd", "\ufffda", "\ufffd\ufffd\ufffd", "\ufffd\ufffd"])
})
