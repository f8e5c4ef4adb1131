import { page } from "./page.ts"

/** What stands at `/` while there is no dashboard. */
export function homePage(): string {
  return page(
    "Mayfly",
    `<h1>Mayfly</h1>
<p>This server runs code that an AI agent has just written: in isolates with limits, in workflows that survive crashes, in sandboxes with a shell; and lets it
reach only what a policy allows.</p>
<ul>
<li><a href="/docs">The HTTP API</a>, to read and to try out (<a href="/v1/openapi.json">OpenAPI 3.1</a>)</li>
<li>Guides and reference: the folder <code>docs</code> of the checkout, beginning with <code>docs/guides/running-code.md</code></li>
<li><a href="/healthz">/healthz</a> and <a href="/readyz">/readyz</a> say how it is</li>
</ul>
<p>Requests need a key: the first start printed an admin key, and <code>mayfly keys create</code> makes more.</p>`,
  )
}
