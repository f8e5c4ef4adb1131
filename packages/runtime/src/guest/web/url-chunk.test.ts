import assert from "node:assert/strict"
import { test } from "node:test"
import { createChunkGuest, sameAsNode } from "./chunk-guest.ts"

const schemes = ["http:", "https:", "ws:", "ftp:", "file:", "foo:", "javascript:", "mailto:", "data:"]

const hosts = [
  "example.com",
  "EXAMPLE.Com.",
  "faß.de",
  "☃.net",
  "bücher.example",
  "xn--bcher-kva.example",
  "xn--",
  "xn--a",
  "XN--LS8H.la",
  "xn--bücher.de",
  "ex%41mple.com",
  "a%C2%ADb.com",
  "ａｂｃ.com",
  "日本語。jp",
  "a_b",
  "a b",
  "a<b",
  "a^b",
  "a|b",
  "%00",
  "%zz",
  "0x7f.1",
  "127.1",
  "0177.0.0.1",
  "2130706433",
  "256.256.256.256",
  "1.2.3.4.5",
  "1.2.3",
  "0xffffffff",
  "4294967296",
  "1e3",
  "09.1",
  "0x",
  "1..2",
  "1.2.3.08",
  "a.0x",
  "[::1]",
  "[::]",
  "[1:2:3:4:5:6:7:8]",
  "[::ffff:1.2.3.4]",
  "[::1.2.3]",
  "[1::2::3]",
  "[fe80::1%25en0]",
  "[::1",
  "[0:0:0:1:0:0:0:1]",
  "[1:0:0:2::]",
  "",
  ".",
  "..",
  "-a-",
  "a..b",
  "\u200d.com",
  "א1.com",
  "\u00ad",
  "𝒳.com",
  "ﷺ.com",
  "user@h",
  "u:p@h",
  "u:p:q@h@i",
  ":@h",
  "@h",
  "a:b",
  "h:80",
  "h:443",
  "h:0",
  "h:00080",
  "h:65535",
  "h:65536",
  "h:",
  "h:8a",
  "h: 80",
]

const tails = [
  "",
  "/",
  "/a/./b/../c",
  "/%2e/%2E%2e/x",
  "/a b\"<>`{}^|\\'",
  "?q=a b'\"<>#f",
  '#a b`<>"',
  "/é?é#é",
  "\\x\\..\\y",
  "//a//b",
]

const odd = [
  "",
  " ",
  "  http://a/ \n",
  "ht\ntp://a\t/b",
  "http:",
  "http:/",
  "http:a",
  "http:///a",
  "http://",
  "//x",
  "/x",
  "x",
  "?x",
  "#x",
  "file:",
  "file:/",
  "file://",
  "file:///",
  "file:c:/x",
  "file:///C|/x/..",
  "file://c:/x",
  "file:///c:/../..",
  "file://localhost/x",
  "file://h/c:/x",
  "file:..",
  "file:\\\\h\\x",
  "C:\\x",
  "a:b",
  "a:",
  "a:/b",
  "a://b",
  "a://b/../c",
  "a:///b",
  "a:b/../c",
  "a: b ",
  "a:b ?q",
  "a:b #f",
  "blob:https://a:80/x",
  "blob:foo",
  "data:text/plain,a b#c d",
  "javascript:alert('é')",
  "1a:b",
  "a+-.:b",
  "é:b",
  "http://a/\ud800",
  "http://a?\udc00x",
  "http://a/%",
  "http://a/%4",
  "http://a/%zz%41",
  "web+demo:/.//not-a-host/",
  "foo:/..//x",
  "non-special://[::1]:80/x",
  "non-special://a b",
  "non-special://a%20b/é",
  "non-special://:80",
  "non-special://u@",
  "foo://exa^mple",
  "about:blank",
  "urn:isbn:1",
  "http://a/b?c=d&e=%zz&f=+%2B",
  "wss://h:443/x",
  "ftp://h:21",
  "https://h:80",
]

const bases = [
  "http://u:p@h:81/a/b/c?d#e",
  "file:///C:/a/b",
  "file://h/a",
  "foo:bar",
  "foo://h/a/b",
  "foo:/a/b",
  "data:,x",
]

const fields = [
  "href",
  "origin",
  "protocol",
  "username",
  "password",
  "host",
  "hostname",
  "port",
  "pathname",
  "search",
  "hash",
]

const describeUrl = `
  const describe = (make) => {
    try { const url = make(); return url === null ? null : [${JSON.stringify(fields)}.map((name) => url[name]),
      [...url.searchParams]] }
    catch (error) { return error.name }
  }`

test("URL parses as Node does", async () => {
  await using guest = await createChunkGuest(["url"])
  const inputs = [...odd]
  for (const scheme of schemes) for (const host of hosts) inputs.push(`${scheme}//${host}/p`)
  for (const scheme of schemes) for (const tail of tails) inputs.push(`${scheme}//host${tail}`)
  await sameAsNode(
    guest,
    `${describeUrl}; return ${JSON.stringify(inputs)}.map((input) => [input, describe(() => new URL(input))])`,
  )
})

test("URL resolves against a base as Node does", async () => {
  await using guest = await createChunkGuest(["url"])
  const cases = bases.flatMap((base) =>
    [...odd, ...tails, ".", "..", "../../../x", "./y", ";z", "//n:82/q"].map((input) => [input, base]),
  )
  await sameAsNode(
    guest,
    `${describeUrl}
    return ${JSON.stringify(cases)}.map(([input, base]) =>
      [input, base, describe(() => new URL(input, base)), URL.canParse(input, base), describe(() => URL.parse(input,
        base))])`,
  )
})

test("URL setters change what Node's change", async () => {
  await using guest = await createChunkGuest(["url"])
  const values: Record<string, string[]> = {
    protocol: ["https", "ftp:", "foo", "file", "http:x", "1a", "", "HTTPS:"],
    username: ["a b:@/é", "", "%41"],
    password: ["p w:@", "", "ß"],
    host: ["x.com:99", "x.com:", "x:y", "☃.net", "", "a b", "[::1]:8", "0x7f.1", "x/y?z", "x\\y", "x@y"],
    hostname: ["x.com", "x.com:99", "", "☃.net", "a#b", "[::1]"],
    port: ["", "0", "443", "80", "65536", "9x", "x9", " 7", "\t8"],
    pathname: ["", "x", "/a/../b", "?a#b", "\\a\\b", "é {}", "..", "//x", "C|/x"],
    search: ["", "?", "a=b c'", "?é#", "??x"],
    hash: ["", "#", "a b`", "##é"],
    href: ["", "foo:bar", "http://é/ß?q", "x"],
  }
  const starts = [
    "https://u:p@h:444/a?b#c",
    "file:///C:/x?y",
    "foo://h/p",
    "foo:opaque ?q#f",
    "http://[::1]/",
    "data:x",
  ]
  await sameAsNode(
    guest,
    `${describeUrl}
    return ${JSON.stringify(starts)}.flatMap((start) => Object.entries(${JSON.stringify(values)}).flatMap(([name,
      list]) => list.map((value) =>
      [start, name, value, describe(() => { const url = new URL(start); url[name] = value; return url })])))`,
  )
})

test("URLSearchParams behaves as Node's, and is live", async () => {
  await using guest = await createChunkGuest(["url"])
  await sameAsNode(
    guest,
    `const params = [new URLSearchParams("?a=1&a=2&b=%20+%zz&=&c"), new URLSearchParams({ x: "é&=+ ~'()*!",
      y: undefined }),
      new URLSearchParams([["p", "q"], ["p", "\\ud800"]]), new URLSearchParams(new URLSearchParams("z=1")),
        new URLSearchParams(new Map([["m", 1]]))]
    const url = new URL("http://h/?b=2&a=1&b=1#f")
    const view = url.searchParams
    view.append("c d", "e&f"); const one = url.href
    view.sort(); const two = url.href
    view.delete("b", "1"); const three = url.href
    url.search = "?n=1"; const four = [...view]
    view.delete("n"); const five = url.href
    const seen = []; params[0].forEach((value, name, all) => seen.push(name, value, all === params[0]))
    const failed = (act) => { try { act(); return "no" } catch (error) { return error.name } }
    return [params.map((item) => [String(item), item.size, [...item.keys()], [...item.values()], item.getAll("a"),
      item.has("a", "2")]),
      one, two, three, four, five, seen, Object.prototype.toString.call(view), URL.name, URLSearchParams.name,
        JSON.stringify({ url }),
      failed(() => new URLSearchParams([["a"]])), failed(() => URL("x:y")), failed(() => new URL()),
        failed(() => new URL(Symbol())),
      failed(() => Reflect.get(URL.prototype, "href", {}))]`,
  )
})

test("the url chunk asks the host only for domains that are not ASCII", async () => {
  await using guest = await createChunkGuest(["url"])
  await guest.evaluate(`return new URL("https://xn--bcher-kva.example/x?y#z").href`)
  assert.equal(guest.hostCalls.ask, 0)
  assert.equal(await guest.evaluate(`return new URL("https://bücher.example").hostname`), "xn--bcher-kva.example")
  assert.equal(guest.hostCalls.ask, 1)
})
