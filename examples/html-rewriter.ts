// A guest rewrites a page while it streams through: links, text, and a part that it fetches from a binding.
import assert from "node:assert/strict"
import { createPlatform, DynamicWorker } from "mayfly"

await using platform = await createPlatform()
const worker = await DynamicWorker.create({
  script: `export default {
    fetch(request, env) {
      const page = '<h1>hello</h1><a href="http://old.example/x">link</a><!-- secret --><include src="footer"></include>'
      return new HTMLRewriter()
        .on("a[href]", { element(a) { a.setAttribute("href", a.getAttribute("href").replace("http://old.", "https://new.")) } })
        .on("h1", { text(text) { if (!text.lastInTextNode) text.replace(text.text.toUpperCase()) } })
        .on("include", { async element(e) { e.replace(await env.part(e.getAttribute("src")), { html: true }) } })
        .onDocument({ comments(comment) { comment.remove() }, end(end) { end.append("<!-- rewritten -->", { html: true }) } })
        .transform(new Response(page, { headers: { "content-type": "text/html" } }))
    } }`,
  env: { part: (name: string) => `<footer>${name}</footer>` },
  platform,
})
const response = await worker.fetch("https://any.example/")
assert.equal(response.headers.get("content-type"), "text/html")
assert.equal(
  await response.text(),
  '<h1>HELLO</h1><a href="https://new.example/x">link</a><footer>footer</footer><!-- rewritten -->',
)
