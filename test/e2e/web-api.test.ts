import assert from "node:assert/strict"
import { after, test } from "node:test"
import { format } from "node:util"
import { runInThisContext } from "node:vm"
import { createPlatform, DynamicWorker } from "@mayfly/platform"

const platform = await createPlatform()
after(() => platform.dispose())

async function valueOf(body: string, input?: unknown): Promise<unknown> {
  const worker = await DynamicWorker.create({
    script: `export default async (input, env, ctx) => { ${body} }`,
    platform,
  })
  return worker.run(input)
}

/** Each gives the value beside it, through the real runtime. */
const programs: Record<string, readonly [body: string, expected: unknown]> = {
  timers: [
    "const seen = []; const i = setInterval(() => seen.push('i'), 1); await new Promise((d) => { const w = setInterval(() => { if (seen.length > 3) { clearInterval(w); d() } }, 1) }); clearInterval(i); const t = setTimeout(() => seen.push('never'), 1); clearTimeout(t); await new Promise((d) => setTimeout((...a) => { seen.push(a.join()); d() }, 5, 1, 2)); return [seen.length > 3, seen.at(-1), seen.includes('never')]",
    [true, "1,2", false],
  ],
  "timer order": [
    "const seen = []; await new Promise((d) => { setTimeout(() => seen.push(3), 6); setTimeout(() => seen.push(2), 3); setTimeout(() => seen.push(1)); Promise.resolve().then(() => seen.push(0)); queueMicrotask(() => seen.push('m')); setTimeout(d, 12) }); return seen",
    [0, "m", 1, 2, 3],
  ],
  URL: [
    "const u = new URL('../b?x=1#h', 'https://us%65r:p@ex\\u00e4mple.com:8080/a/c'); u.searchParams.append('y', ' '); return [u.href, u.host, URL.canParse('::'), URL.parse('http://a')?.origin]",
    ["https://us%65r:p@xn--exmple-cua.com:8080/b?x=1&y=+#h", "xn--exmple-cua.com:8080", false, "http://a"],
  ],
  URLSearchParams: [
    "const p = new URLSearchParams('b=2&a=1&b=3'); p.sort(); p.delete('b', '3'); return [String(p), p.getAll('b'), p.has('a', '1'), p.size]",
    ["a=1&b=2", ["2"], true, 2],
  ],
  URLPattern: [
    "const p = new URLPattern({ pathname: '/users/:id' }); return [p.test('http://x/users/5'), p.exec('http://x/users/5').pathname.groups.id, p.test('http://x/')]",
    [true, "5", false],
  ],
  "TextEncoder and TextDecoder": [
    "const b = new TextEncoder().encode('h\\u00e9\\u20ac\\ud83d\\ude00'); let bad; try { new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([255])) } catch (e) { bad = e.name } const d = new TextDecoder(); return [[...b], new TextDecoder().decode(b), new TextDecoder('utf-16le').decode(new Uint8Array([104, 0])), new TextDecoder('shift_jis').decode(new Uint8Array([0x83, 0x65])), bad, d.decode(b.subarray(0, 2), { stream: true }) + d.decode(b.subarray(2)), { ...new TextEncoder().encodeInto('\\u20ac', new Uint8Array(2)) }]",
    [
      [104, 195, 169, 226, 130, 172, 240, 159, 152, 128],
      "hé€😀",
      "h",
      "テ",
      "TypeError",
      "hé€😀",
      { read: 0, written: 0 },
    ],
  ],
  "atob and btoa": [
    "let bad; try { btoa('\\u20ac') } catch (e) { bad = [e.name, e.code, e instanceof DOMException] } return [btoa('h\\u00e9'), atob(' aOk= ').length, bad]",
    ["aOk=", 2, ["InvalidCharacterError", 5, true]],
  ],
  ReadableStream: [
    "const s = new ReadableStream({ start(c) { c.enqueue(1); c.enqueue(2); c.close() } }); const [a, b] = s.tee(); const got = []; for await (const x of a) got.push(x); return [got, await Array.fromAsync(b), await Array.fromAsync(ReadableStream.from([3, 4]))]",
    [
      [1, 2],
      [1, 2],
      [3, 4],
    ],
  ],
  "ReadableStream BYOB": [
    "const s = new ReadableStream({ type: 'bytes', pull(c) { const v = c.byobRequest.view; v[0] = 7; c.byobRequest.respond(1) } }); const r = s.getReader({ mode: 'byob' }); const { value, done } = await r.read(new Uint8Array(4)); return [[...value], done, value.buffer.byteLength]",
    [[7], false, 4],
  ],
  "WritableStream and TransformStream": [
    "const got = []; await new ReadableStream({ start(c) { c.enqueue('a'); c.close() } }).pipeThrough(new TransformStream({ transform(x, c) { c.enqueue(x + x) }, flush(c) { c.enqueue('end') } })).pipeTo(new WritableStream({ write(x) { got.push(x) } })); return got",
    ["aa", "end"],
  ],
  "text streams": [
    "return (await Array.fromAsync(new Blob(['h\\u00e9']).stream().pipeThrough(new TextDecoderStream()).pipeThrough(new TextEncoderStream()).pipeThrough(new TextDecoderStream()))).join('')",
    "hé",
  ],
  CompressionStream: [
    "const all = []; for (const f of ['gzip', 'deflate', 'deflate-raw']) { const z = new Blob(['x'.repeat(10000)]).stream().pipeThrough(new CompressionStream(f)); const b = await new Response(z).arrayBuffer(); const t = await new Response(new Blob([b]).stream().pipeThrough(new DecompressionStream(f))).text(); all.push([f, b.byteLength < 200, t.length]) } return all",
    [
      ["gzip", true, 10_000],
      ["deflate", true, 10_000],
      ["deflate-raw", true, 10_000],
    ],
  ],
  "crypto random": [
    "const a = crypto.getRandomValues(new Uint8Array(16)); return [a.some((x) => x > 0), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID())]",
    [true, true],
  ],
  "crypto digests": [
    "const hex = (b) => [...new Uint8Array(b)].map((x) => x.toString(16).padStart(2, '0')).join(''); const all = []; for (const n of ['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512']) all.push(hex(await crypto.subtle.digest(n, new TextEncoder().encode('abc'))).slice(0, 8)); return all",
    ["a9993e36", "ba7816bf", "cb00753f", "ddaf35a1"],
  ],
  "crypto AES": [
    "const all = []; for (const [name, extra] of [['AES-GCM', { iv: new Uint8Array(12), additionalData: new Uint8Array(2) }], ['AES-CBC', { iv: new Uint8Array(16) }], ['AES-CTR', { counter: new Uint8Array(16), length: 64 }]]) { const k = await crypto.subtle.generateKey({ name, length: 256 }, true, ['encrypt', 'decrypt']); const c = await crypto.subtle.encrypt({ name, ...extra }, k, new Uint8Array([1, 2, 3])); all.push([...new Uint8Array(await crypto.subtle.decrypt({ name, ...extra }, k, c))].join()) } return all",
    ["1,2,3", "1,2,3", "1,2,3"],
  ],
  "crypto HMAC": [
    "const k = await crypto.subtle.importKey('raw', new Uint8Array(32), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']); const s = await crypto.subtle.sign('HMAC', k, new Uint8Array(1)); return [s.byteLength, await crypto.subtle.verify('HMAC', k, s, new Uint8Array(1)), await crypto.subtle.verify('HMAC', k, s, new Uint8Array(2)), k.extractable, k.type]",
    [32, true, false, false, "secret"],
  ],
  "crypto signatures": [
    "const all = []; for (const [g, s] of [[{ name: 'ECDSA', namedCurve: 'P-256' }, { name: 'ECDSA', hash: 'SHA-256' }], [{ name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }, 'RSASSA-PKCS1-v1_5'], [{ name: 'RSA-PSS', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }, { name: 'RSA-PSS', saltLength: 32 }], ['Ed25519', 'Ed25519']]) { const k = await crypto.subtle.generateKey(g, true, ['sign', 'verify']); const sig = await crypto.subtle.sign(s, k.privateKey, new Uint8Array(3)); all.push(await crypto.subtle.verify(s, k.publicKey, sig, new Uint8Array(3)) && !(await crypto.subtle.verify(s, k.publicKey, sig, new Uint8Array(4)))) } return all",
    [true, true, true, true],
  ],
  "crypto RSA-OAEP and wrapping": [
    "const k = await crypto.subtle.generateKey({ name: 'RSA-OAEP', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }, true, ['encrypt', 'decrypt', 'wrapKey', 'unwrapKey']); const c = await crypto.subtle.encrypt('RSA-OAEP', k.publicKey, new Uint8Array([5])); const a = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 128 }, true, ['encrypt']); const w = await crypto.subtle.wrapKey('raw', a, k.publicKey, 'RSA-OAEP'); const u = await crypto.subtle.unwrapKey('raw', w, k.privateKey, 'RSA-OAEP', 'AES-GCM', true, ['encrypt']); const raw = async (x) => [...new Uint8Array(await crypto.subtle.exportKey('raw', x))].join(); return [[...new Uint8Array(await crypto.subtle.decrypt('RSA-OAEP', k.privateKey, c))], await raw(a) === await raw(u)]",
    [[5], true],
  ],
  "crypto derivation": [
    "const bits = async (alg, key) => new Uint8Array(await crypto.subtle.deriveBits(alg, key, 128)).length; const p = await crypto.subtle.importKey('raw', new Uint8Array(8), 'PBKDF2', false, ['deriveBits', 'deriveKey']); const h = await crypto.subtle.importKey('raw', new Uint8Array(8), 'HKDF', false, ['deriveBits']); const [a, b] = await Promise.all([1, 2].map(() => crypto.subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, true, ['deriveBits']))); const x = await crypto.subtle.generateKey('X25519', true, ['deriveBits']); const k = await crypto.subtle.deriveKey({ name: 'PBKDF2', hash: 'SHA-256', salt: new Uint8Array(8), iterations: 10 }, p, { name: 'AES-GCM', length: 128 }, true, ['encrypt']); return [await bits({ name: 'PBKDF2', hash: 'SHA-256', salt: new Uint8Array(8), iterations: 10 }, p), await bits({ name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(8), info: new Uint8Array() }, h), await bits({ name: 'ECDH', public: b.publicKey }, a.privateKey), await bits({ name: 'X25519', public: x.publicKey }, x.privateKey), k.algorithm.name]",
    [16, 16, 16, 16, "AES-GCM"],
  ],
  "crypto key formats": [
    "const k = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, true, ['sign', 'verify']); const all = []; for (const [f, key] of [['jwk', k.privateKey], ['pkcs8', k.privateKey], ['spki', k.publicKey], ['raw', k.publicKey]]) { const e = await crypto.subtle.exportKey(f, key); const i = await crypto.subtle.importKey(f, e, { name: 'ECDSA', namedCurve: 'P-384' }, true, [key.type === 'private' ? 'sign' : 'verify']); all.push(f + ' ' + i.type) } return all",
    ["jwk private", "pkcs8 private", "spki public", "raw public"],
  ],
  Headers: [
    "const h = new Headers({ B: '2', a: '1' }); h.append('a', '3'); h.append('set-cookie', 'x'); h.append('set-cookie', 'y'); return [[...h], h.getSetCookie(), h.has('A')]",
    [
      [
        ["a", "1, 3"],
        ["b", "2"],
        ["set-cookie", "x"],
        ["set-cookie", "y"],
      ],
      ["x", "y"],
      true,
    ],
  ],
  "Request and Response": [
    "const r = new Request('http://x/', { method: 'post', body: JSON.stringify({ a: 1 }), headers: { 'content-type': 'application/json' } }); const c = r.clone(); const j = Response.json({ b: 2 }, { status: 201 }); return [r.method, await r.json(), await c.text(), r.bodyUsed, j.status, j.headers.get('content-type'), await j.json(), Response.redirect('http://y/', 303).headers.get('location'), Response.error().type]",
    ["POST", { a: 1 }, '{"a":1}', true, 201, "application/json", { b: 2 }, "http://y/", "error"],
  ],
  FormData: [
    "const f = new FormData(); f.append('a', '1'); f.append('f', new File(['data'], 'n.txt', { type: 'text/plain' })); const back = await new Response(f).formData(); return [back.get('a'), back.get('f').name, await back.get('f').text(), back.get('f').type]",
    ["1", "n.txt", "data", "text/plain"],
  ],
  "Blob and File": [
    "const b = new Blob(['ab', new Uint8Array([99])], { type: 'Text/Plain' }); const f = new File([b], 'x', { lastModified: 5 }); return [await b.slice(1, 3).text(), b.size, b.type, [...await b.bytes()], f.name, f.lastModified, f instanceof Blob]",
    ["bc", 3, "text/plain", [97, 98, 99], "x", 5, true],
  ],
  structuredClone: [
    "const o = { d: new Date(0), m: new Map([[1, new Set([2])]]), r: /a/g, e: new RangeError('x'), b: new Uint8Array([1]) }; o.self = o; const c = structuredClone(o); const t = new ArrayBuffer(8); structuredClone(t, { transfer: [t] }); let bad; try { structuredClone(() => 1) } catch (e) { bad = [e.name, e.code] } return [c.self === c, c.d.getTime(), c.m.get(1).has(2), String(c.r), c.e instanceof RangeError, c.b[0], t.byteLength, bad]",
    [true, 0, true, "/a/g", true, 1, 0, ["DataCloneError", 25]],
  ],
  "AbortController and AbortSignal": [
    "const c = new AbortController(); let events = 0; c.signal.addEventListener('abort', () => events++); const any = AbortSignal.any([c.signal, AbortSignal.timeout(1e6)]); c.abort('why'); c.abort('again'); const t = AbortSignal.timeout(1); await new Promise((d) => t.addEventListener('abort', d)); let thrown; try { AbortSignal.abort().throwIfAborted() } catch (e) { thrown = e.name } return [any.aborted, any.reason, events, t.reason.name, thrown]",
    [true, "why", 1, "TimeoutError", "AbortError"],
  ],
  EventTarget: [
    "const t = new EventTarget(); const seen = []; t.addEventListener('x', (e) => seen.push(e.type, e.detail), { once: true }); const e = new CustomEvent('x', { detail: 5, cancelable: true }); t.dispatchEvent(e); t.dispatchEvent(e); return seen",
    ["x", 5],
  ],
  WebAssembly: [
    "const b = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 97, 100, 100, 0, 0, 10, 9, 1, 7, 0, 32, 0, 32, 1, 106, 11]); const { instance, module } = await WebAssembly.instantiate(b); const m = await WebAssembly.compile(b); return [instance.exports.add(2, 3), module instanceof WebAssembly.Module, WebAssembly.Module.exports(m)[0].name, WebAssembly.validate(b), new WebAssembly.Memory({ initial: 1 }).buffer.byteLength]",
    [5, true, "add", true, 65_536],
  ],
  Intl: [
    "return [new Intl.NumberFormat('de-DE', { style: 'currency', currency: 'EUR' }).format(1234.5), new Intl.DateTimeFormat('en-GB', { timeZone: 'Asia/Tokyo', dateStyle: 'long' }).format(0), ['z', 'a', '\\u00e4'].sort(new Intl.Collator('de').compare).join(), new Intl.PluralRules('ar').select(3), [...new Intl.Segmenter('ja', { granularity: 'word' }).segment('日本語')].length > 0]",
    ["1.234,50\u00a0€", "1 January 1970", "a,ä,z", "few", true],
  ],
  "performance and Date": [
    "const a = performance.now(); await new Promise((d) => setTimeout(d, 5)); const b = performance.now(); return [b - a >= 4, Math.abs(performance.timeOrigin + b - Date.now()) < 1000, typeof performance.timeOrigin]",
    [true, true, "number"],
  ],
  "navigator and self": [
    "return [typeof navigator.userAgent, self === globalThis, typeof navigator.hardwareConcurrency]",
    ["string", true, "number"],
  ],
  DOMException: [
    "const e = new DOMException('m', 'NotFoundError'); return [e.name, e.message, e.code, e instanceof Error, DOMException.ABORT_ERR, typeof e.stack]",
    ["NotFoundError", "m", 8, true, 20, "string"],
  ],
  reportError: ["reportError(new Error('told')); return 1", 1],
  "new language features": [
    "return [[1, 2].toReversed(), Object.groupBy([1, 2, 3], (x) => x % 2 ? 'odd' : 'even').odd, new Set([1]).union(new Set([2])).size, [1, 2, 3].values().map((x) => x * 2).toArray(), typeof Promise.withResolvers, typeof Float16Array]",
    [[2, 1], [1, 3], 2, [2, 4, 6], "function", "function"],
  ],
}
for (const [name, [body, expected]] of Object.entries(programs)) {
  test(`${name} in a guest`, { timeout: 30_000 }, async () => {
    assert.deepStrictEqual(await valueOf(body), expected)
  })
}

const globals = [
  "URL",
  "URLSearchParams",
  "URLPattern",
  "Headers",
  "Request",
  "Response",
  "FormData",
  "Blob",
  "File",
  "fetch",
  "ReadableStream",
  "WritableStream",
  "TransformStream",
  "ReadableStreamDefaultReader",
  "ReadableStreamBYOBReader",
  "ByteLengthQueuingStrategy",
  "CountQueuingStrategy",
  "TextEncoderStream",
  "TextDecoderStream",
  "CompressionStream",
  "DecompressionStream",
  "CryptoKey",
  "SubtleCrypto",
  "TextEncoder",
  "TextDecoder",
  "AbortController",
  "AbortSignal",
  "Event",
  "EventTarget",
  "CustomEvent",
  "DOMException",
  "structuredClone",
  "queueMicrotask",
  "setTimeout",
  "setInterval",
  "clearTimeout",
  "clearInterval",
  "atob",
  "btoa",
  "WebAssembly",
  "Intl",
  "FinalizationRegistry",
  "reportError",
]
test("globals are there when their names are computed, and look like globals", { timeout: 30_000 }, async () => {
  const body = `return input.map((name) => {
    const descriptor = Object.getOwnPropertyDescriptor(globalThis, name.slice(0, 2) + name.slice(2))
    const value = globalThis[name.slice(0, 2) + name.slice(2)]
    return [typeof value === "object" || (typeof value === "function" && value.name === name), name in globalThis, descriptor?.enumerable, descriptor?.configurable].join()
  })`
  const found = (await valueOf(body, globals)) as string[]
  assert.deepStrictEqual(
    Object.fromEntries(globals.map((name, index) => [name, found[index]])),
    Object.fromEntries(globals.map((name) => [name, "true,true,false,true"])),
  )
})

test("one thing of each lazily loaded chunk works when its name is computed", { timeout: 30_000 }, async () => {
  const body = `const g = (a, b) => globalThis[a + b]
    const C = g("Compression", "Stream")
    return [new (g("U", "RL"))("http://a/b").pathname, new (g("URLP", "attern"))({ pathname: "/x" }).test("http://a/x"), await new (g("Resp", "onse"))("t").text(),
      (await new (g("Resp", "onse"))(new (g("Bl", "ob"))(["t"]).stream().pipeThrough(new C("gzip"))).arrayBuffer()).byteLength > 10,
      (await g("cry", "pto")["sub" + "tle"].digest("SHA-1", new Uint8Array())).byteLength, (g("con", "sole")["lo" + "g"]({ a: 1 }), 1)]`
  assert.deepStrictEqual(await valueOf(body), ["/b", true, "t", true, 20, 1])
})

test("a lazily loaded global can be replaced, deleted and shadowed", { timeout: 30_000 }, async () => {
  const body =
    "globalThis.URL = 5; delete globalThis.Blob; const Headers = 6; return [URL, typeof Blob, Headers, typeof Response]"
  assert.deepStrictEqual(await valueOf(body), [5, "undefined", 6, "function"])
})

// Values that console must show as Node's util.format does. Evaluated on both sides from the same text.
const shown = [
  `["%s is %d and %i, %f, %j %o %O %% %c.", "a", 1.5, 2.7, "3.25", { j: [1] }, { o: [1] }, { O: { deep: { er: { est: 1 } } } }, "css", "rest"]`,
  `["100%", 1]`,
  `["%s"]`,
  `["%s %s", 1]`,
  `[1, "two", true, null, undefined, 3n, Symbol("s"), -0, NaN]`,
  `[{ a: 1, "b c": [1, 2, { d: { e: { f: 1 } } }] }]`,
  `[[1, , 3], [[[[1]]]], []]`,
  `[new Map([["a", { b: 1 }]]), new Set([1, "x"]), new WeakMap()]`,
  `[new Date(0), new Date(NaN), /re/gi]`,
  `[() => 1, function named() {}, class A {}, class B extends Array {}, async () => {}, function* g() {}]`,
  `[new Uint8Array([1, 2]), new ArrayBuffer(4), new Float64Array(3), new DataView(new ArrayBuffer(2))]`,
  `[Object.create(null), Object.create({ inherited: 1 }), new (class Point { x = 1; #y = 2 })()]`,
  `[{ get a() { return 1 }, set b(v) {}, get c() { return 1 }, set c(v) {} }]`,
  `[{ [Symbol("k")]: 1, [Symbol.toStringTag]: "Tagged" }]`,
  `["a\\nb", ["a\\nb", 'q"u\\'o', "\\u0000"]]`,
  `[Array.from({ length: 150 }, (_, i) => i)]`,
  `["x".repeat(200), ["x".repeat(200)]]`,
  `[(() => { const o = { a: {} }; o.a.o = o; return o })()]`,
  `[Object(1), Object("s"), Object(1n), new Boolean(false)]`,
  `[{ a: { b: { c: { d: 1 } } } }, { long1: "aaaaaaaaaaaaaaaaaaaaaa", long2: "bbbbbbbbbbbbbbbbbbbbbbbbb", long3: "cccccccccccccccccccc" }]`,
  `[[1.5, -2, 1e21], { und: undefined, nul: null }, [undefined, null]]`,
  `[[1].values(), function* () {}]`,
  `[(function () { return arguments })(1, 2), globalThis === 1, Math, JSON]`,
  `["%d", "42", "%i", 3.9]`,
  `["%s", { toString() { return "own" } }]`,
  `["%s", [1, [2]], "%s"]`,
  `["%o", [1, { a: 2 }]]`,
]
test("console shows values as Node's util.format does", { timeout: 30_000 }, async () => {
  for (const values of shown) {
    // The same text is evaluated on both sides.
    const worker = await DynamicWorker.create({
      script: `export default () => { console.log(...${values}) }`,
      platform,
    })
    const { logs } = await worker.execute()
    const expected = format(...(runInThisContext(values) as unknown[]))
    assert.equal(logs[0]?.message, expected, values)
  }
  // As in Node 24; Node 26 says that they are proxies.
  const script = "export default () => { console.log(new Proxy({ a: 1 }, {}), new Proxy(() => 1, {})) }"
  const { logs } = await (await DynamicWorker.create({ script, platform })).execute()
  assert.equal(logs[0]?.message, "{ a: 1 } [Function (anonymous)]")
})

test("console methods write lines with their level and text", { timeout: 30_000 }, async () => {
  const script = `export default () => {
    console.log("l"); console.info("i"); console.warn("w"); console.error("e"); console.debug("d"); console.dir({ a: { b: { c: { d: 1 } } } }, { depth: 0 })
    console.assert(true, "no"); console.assert(false, "yes %d", 1); console.count(); console.count("x"); console.countReset(); console.count()
    console.group("G"); console.log("in\\nside"); console.groupEnd(); console.log("out"); console.table([{ a: 1, b: "x" }]); console.log()
  }`
  const { logs } = await (await DynamicWorker.create({ script, platform })).execute()
  const table = [
    "┌─────────┬───┬─────┐",
    "│ (index) │ a │ b   │",
    "├─────────┼───┼─────┤",
    "│ 0       │ 1 │ 'x' │",
    "└─────────┴───┴─────┘",
  ].join("\n")
  assert.deepStrictEqual(
    logs.map(({ level, message }) => [level, message]),
    [
      ["log", "l"],
      ["info", "i"],
      ["warn", "w"],
      ["error", "e"],
      ["debug", "d"],
      ["log", "{ a: [Object] }"],
      ["error", "Assertion failed: yes 1"],
      ["log", "default: 1"],
      ["log", "x: 1"],
      ["log", "default: 1"],
      ["log", "G"],
      ["log", "  in\n  side"],
      ["log", "out"],
      ["log", table],
      ["log", ""],
    ].map(([level, message]) => [message?.startsWith("Assertion") ? logs[6]?.level : level, message]),
  )
  assert.ok(["warn", "error"].includes(logs[6]?.level ?? ""))
})
