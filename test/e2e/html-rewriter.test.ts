// What is expected here is what lol-html, Cloudflare's own, gives for the same input.
import assert from "node:assert/strict"
import { createServer } from "node:http"
import { after, test } from "node:test"
import { createPlatform, DynamicWorker } from "@mayfly/platform"

const platform = await createPlatform({ hosts: 1, spare: false })
after(() => platform.dispose())

const worker = async (script: string, options: object = {}): Promise<DynamicWorker> =>
  DynamicWorker.create({ script, platform, ...options })

/** Rewrites `html` with what `setup` adds to `rewriter`; gives the text and what was pushed to `log`. */
const rewrite = async (html: string | string[], setup: string): Promise<[string, unknown[]]> => {
  const rewriting = await worker(`export default async (input) => {
    const log = [], encoder = new TextEncoder()
    const mutate = (e) => { e.before("[b1]"); e.before("[b2]"); e.after("[a1]"); e.after("[a2]"); e.prepend("[p1]"); e.prepend("[p2]"); e.append("[e1]"); e.append("[e2]") }
    const rewriter = new HTMLRewriter()
    ${setup}
    const body = new ReadableStream({ start(c) { for (const part of input) c.enqueue(encoder.encode(part)); c.close() } })
    return [await rewriter.transform(new Response(body)).text(), log] }`)
  return (await rewriting.run([html].flat())) as [string, unknown[]]
}

const p = (body: string): string => `rewriter.on("p", { element(e) { ${body} } })`

const elements: readonly (readonly [html: string, setup: string, expected: string])[] = [
  ["<p>x</p>", p("mutate(e)"), "[b1][b2]<p>[p2][p1]x[e1][e2]</p>[a2][a1]"],
  ["<div><p>x</div>y", p("mutate(e)"), "<div>[b1][b2]<p>[p2][p1]x[e1][e2]</div>[a2][a1]y"],
  ["<div><p>x", p("mutate(e)"), "<div>[b1][b2]<p>[p2][p1]x"],
  ["a<br>b<img/>c", `rewriter.on("br, img", { element: mutate })`, "a[b1][b2]<br>[a2][a1]b[b1][b2]<img/>[a2][a1]c"],
  ["<p>x<b>y</b></p>", p("mutate(e); e.remove()"), "[b1][b2][a2][a1]"],
  ["<p>x<b>y</b></p>", p(`mutate(e); e.replace("<R>"); e.replace("<S>", { html: true })`), "[b1][b2]<S>[a2][a1]"],
  ["<p>x<b>y</b></p>", p(`mutate(e); e.setInnerContent("<R>")`), "[b1][b2]<p>&lt;R&gt;</p>[a2][a1]"],
  ["<p>x<b>y</b></p>", p("mutate(e); e.removeAndKeepContent()"), "[b1][b2][p2][p1]x<b>y</b>[e1][e2][a2][a1]"],
  [
    "<p  A=1 b='2' c=\"x&amp;y\" d>x</p >",
    p(`e.setAttribute("B", 'q"<>&'); e.setAttribute("New", 1); e.removeAttribute("a")`),
    '<p b="q&quot;<>&" c="x&amp;y" d new="1">x</p >',
  ],
  ["<p a=1 a=2 />x", p(`e.setAttribute("z", "")`), '<p a=1 a=2 z="" />x'],
  ["<P a=1>x</P>", p(`e.tagName = "Div"`), "<Div a=1>x</Div>"],
  [
    "<p>x</p>",
    p(`e.onEndTag((t) => { t.before("<B>"); t.after("A"); t.name = "q" }); e.append("AP"); e.after("AF")`),
    "<p>xAP&lt;B&gt;</q>AAF",
  ],
  [
    "<p>x</p>",
    p(`e.onEndTag((t) => t.before("1")); e.onEndTag(async (t) => { await null; t.before("2"); t.remove() })`),
    "<p>x12",
  ],
  [
    "<p>one</p>",
    `rewriter.on("p", { text(t) { if (t.lastInTextNode) t.before("!"); else t.replace(t.text.toUpperCase()) } })`,
    "<p>ONE!</p>",
  ],
  [
    "<p><!--c--></p>",
    `rewriter.on("p", { comments(c) { c.before("<"); c.text = "new"; c.after("*", { html: true }) } })`,
    "<p>&lt;<!--new-->*</p>",
  ],
  ["<p>x", `rewriter.onDocument({ end(e) { e.append("<E>"); e.append("<F>", { html: true }) } })`, "<p>x&lt;E&gt;<F>"],
  [
    "<noscript><p></noscript><textarea><p></textarea><script>'<p>'</script><p>",
    p("e.remove()"),
    "<noscript><p></noscript><textarea><p></textarea><script>'<p>'</script>",
  ],
  ["</b><!x><?y?></><p/>é\u{1F600}<", p(`e.setAttribute("a", "b")`), '</b><!x><?y?></><p a="b" />é\u{1F600}<'],
  ["<svg><path d=1 /><![CDATA[<p>]]></svg><p>", p("e.remove()"), "<svg><path d=1 /><![CDATA[<p>]]></svg>"],
  ["<svg></svg><title></p></title>", p("e.remove()"), "<svg></svg><title></p></title>"],
  ["<![CDATA[a><p>]]>", p(`e.tagName = "q"`), "<![CDATA[a><q>]]>"],
  [
    "<p>x</p>",
    p(`e.before(new Response("<i>")); e.after(new Response("<b>&amp;</b>").body, { html: true })`),
    "&lt;i&gt;<p>x</p><b>&amp;</b>",
  ],
]

test("HTMLRewriter changes elements, text and comments as Cloudflare does", async () => {
  for (const [html, setup, expected] of elements) {
    assert.equal((await rewrite(html, setup))[0], expected, `${html} ${setup}`)
    assert.equal(
      (
        await rewrite(
          html.split(/(?:)/u),
          setup.replaceAll("t.replace(t.text.toUpperCase())", "t.text && t.replace(t.text.toUpperCase())"),
        )
      )[0],
      expected,
      `in single characters: ${html} ${setup}`,
    )
  }
})

test("HTMLRewriter gives handlers what is written", async () => {
  const [, seen] = await rewrite(
    `<!DOCTYPE html PUBLIC "a" 'b'><p A=1 c="x&amp;y" d>one&amp;two<b>three</b></p><svg><path/></svg>`,
    `rewriter.onDocument({ doctype(d) { log.push([d.name, d.publicId, d.systemId]) } })
     rewriter.on("p", {
       element(e) { log.push([...e.attributes], e.getAttribute("A"), e.getAttribute("zz"), e.hasAttribute("D"), e.tagName, e.namespaceURI, e.removed) },
       text(t) { log.push([t.text, t.lastInTextNode, t.removed]) } })
     rewriter.on("path", { element(e) { log.push(e.namespaceURI) } })`,
  )
  assert.deepEqual(seen, [
    ["html", "a", "b"],
    [
      ["a", "1"],
      ["c", "x&amp;y"],
      ["d", ""],
    ],
    "1",
    null,
    true,
    "p",
    "http://www.w3.org/1999/xhtml",
    false,
    ["one&amp;two", false, false],
    ["", true, false],
    ["three", false, false],
    ["", true, false],
    "http://www.w3.org/2000/svg",
  ])
})

test("HTMLRewriter knows the selectors that a stream can answer, and refuses others", async () => {
  const selectors = [
    "*",
    "LI",
    "ul > li",
    "div li",
    "#u li",
    "li.a.b",
    "li:nth-child(2)",
    "li:nth-child(2n+1)",
    "li:nth-of-type(even)",
    "li:first-child",
    "b:first-of-type",
    "li:not(.a)",
    "[class]",
    "[class=a]",
    '[class~="b"]',
    '[class="A B" i]',
    "[class^=a]",
    "[class$=b]",
    "[class*=' ']",
    "[lang|=en]",
    "ul, b",
    "li + li",
    "li ~ li",
    "li:last-child",
    "a:hover",
    "a::before",
    ":is(li)",
    "",
    "li[",
    "> li",
    "li:nth-child(x)",
  ]
  const [, seen] = await rewrite(
    `<div><ul id=u><li class="a b">1</li><li lang=en-GB>2</li><li class=a>3<b></b></li></ul></div>`,
    `const found = {}
     for (const selector of ${JSON.stringify(selectors)}) {
       found[selector] = 0
       try { rewriter.on(selector, { element() { found[selector]++ } }) } catch (error) { found[selector] = error.name } }
     log.push(found)`,
  )
  assert.deepEqual(seen, [
    {
      "*": 6,
      LI: 3,
      "ul > li": 3,
      "div li": 3,
      "#u li": 3,
      "li.a.b": 1,
      "li:nth-child(2)": 1,
      "li:nth-child(2n+1)": 2,
      "li:nth-of-type(even)": 1,
      "li:first-child": 1,
      "b:first-of-type": 1,
      "li:not(.a)": 1,
      "[class]": 2,
      "[class=a]": 1,
      '[class~="b"]': 1,
      '[class="A B" i]': 1,
      "[class^=a]": 2,
      "[class$=b]": 1,
      "[class*=' ']": 1,
      "[lang|=en]": 1,
      "ul, b": 2,
      "li + li": "TypeError",
      "li ~ li": "TypeError",
      "li:last-child": "TypeError",
      "a:hover": "TypeError",
      "a::before": "TypeError",
      ":is(li)": "TypeError",
      "": "TypeError",
      "li[": "TypeError",
      "> li": "TypeError",
      "li:nth-child(x)": "TypeError",
    },
  ])
})

test("HTMLRewriter refuses tokens after their handler, wrong names, end tags of void elements, and what is no Response", async () => {
  const [, seen] = await rewrite(
    "<p><!--c--></p><br>",
    `const attempt = (f) => { try { f(); log.push("fine") } catch (e) { log.push(e.name) } }
     let kept
     rewriter.on("p", { element(e) { kept = e
       attempt(() => e.setAttribute("a b", "")); attempt(() => e.setAttribute("", "")); attempt(() => (e.tagName = "<")); attempt(() => (e.tagName = "")); attempt(() => (e.tagName = "a b")) },
       comments(c) { attempt(() => (c.text = "a-->b")); attempt(() => kept.tagName); attempt(() => kept.remove()) } })
     rewriter.on("br", { element(e) { attempt(() => e.onEndTag(() => {})) } })
     attempt(() => rewriter.transform("<p>")); attempt(() => rewriter.on("p", null)); attempt(() => rewriter.on("p", { element: 1 }))
     attempt(() => rewriter.transform(new Response("x", { headers: { "content-type": "text/html; charset=shift_jis" } })))
     attempt(() => HTMLRewriter())`,
  )
  assert.deepEqual(
    seen,
    Array.from({ length: 14 }, () => "TypeError"),
  )
})

test("HTMLRewriter keeps status and headers, drops the length, and lets a response without body through", async () => {
  const proxy = await worker(`export default async () => {
    const rewriter = new HTMLRewriter().on("p", { element(e) { e.append("!") } })
    const one = rewriter.transform(new Response("<p>x</p>", { status: 404, headers: { "content-length": "8", "x-a": "b", "content-type": "text/html;charset=UTF-8" } }))
    const empty = new Response(null, { status: 204 })
    return [one.status, [...one.headers], await one.text(), rewriter.transform(empty) === empty] }`)
  assert.deepEqual(await proxy.run(), [
    404,
    [
      ["content-type", "text/html;charset=UTF-8"],
      ["x-a", "b"],
    ],
    "<p>x!</p>",
    true,
  ])
})

test("HTMLRewriter waits for async handlers, in order, and may fetch in them", async () => {
  const server = createServer((_, response) => response.end("<i>part</i>"))
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done))
  const { port } = server.address() as { port: number }
  try {
    const including = await worker(
      `export default { async fetch(request, env) {
        return new HTMLRewriter().on("esi", { async element(e) {
          const part = await fetch(e.getAttribute("src")); e.replace(await part.text(), { html: true }) } })
          .transform(new Response('<p><esi src="http://127.0.0.1:${port}/"></esi></p><esi src="http://127.0.0.1:${port}/"></esi>')) } }`,
      { network: { allowedOrigins: [`http://127.0.0.1:${port}`] } },
    )
    assert.equal(await (await including.fetch("https://a.b/")).text(), "<p><i>part</i></p><i>part</i>")
  } finally {
    server.close()
  }
})

test("HTMLRewriter streams: what is complete comes before the rest is there", async () => {
  const parts: PromiseWithResolvers<string>[] = [Promise.withResolvers(), Promise.withResolvers()]
  const streaming = await worker(
    `export default { fetch: (request, env) => {
      let n = 0
      const body = new ReadableStream({ async pull(c) { if (n === 2) return c.close(); c.enqueue(new TextEncoder().encode(await env.part(n++))) } })
      return new HTMLRewriter().on("p", { element(e) { e.tagName = "q" } }).transform(new Response(body)) } }`,
    { env: { part: (n: number) => parts[n]?.promise } },
  )
  const response = await streaming.fetch("https://a.b/")
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  assert.ok(reader)
  parts[0]?.resolve("<p>first</p><p")
  assert.equal((await reader.read()).value, "<q>first</q>")
  parts[1]?.resolve(">second")
  let rest = ""
  for (let next = await reader.read(); !next.done; next = await reader.read()) rest += next.value
  assert.equal(rest, "<q>second")
})

test("an error in a handler fails the body with it, and cancelling reaches the source", async () => {
  const failing = await worker(`export default async () => {
    let cancelled
    const source = () => new Response(new ReadableStream({ pull(c) { c.enqueue(new TextEncoder().encode("<p>x")) }, cancel(reason) { cancelled = String(reason) } }))
    const broken = new HTMLRewriter().on("p", { async element() { throw new RangeError("mine") } }).transform(source())
    const failure = await broken.text().catch((error) => error.name + ": " + error.message)
    const first = cancelled
    await new HTMLRewriter().transform(source()).body.cancel("enough")
    return [failure, first, cancelled] }`)
  assert.deepEqual(await failing.run(), ["RangeError: mine", "RangeError: mine", "enough"])
})

test("a rewriter can be used for several responses at once", async () => {
  const several = await worker(`export default () => {
    const rewriter = new HTMLRewriter().on("p", { async element(e) { await null; e.setAttribute("n", e.getAttribute("n") + "!") } })
    return Promise.all([1, 2, 3].map((n) => rewriter.transform(new Response("<p n=" + n + ">")).text())) }`)
  assert.deepEqual(await several.run(), ['<p n="1!">', '<p n="2!">', '<p n="3!">'])
})
