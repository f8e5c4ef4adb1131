import { createHash } from "node:crypto"

export const pageStyle =
  "body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:4rem auto;padding:0 1rem}" +
  "p.question{white-space:pre-wrap;overflow-wrap:anywhere;border-left:3px solid;padding-left:1rem}h1{overflow-wrap:anywhere}" +
  "button{font:inherit;padding:.4rem 1.2rem;margin-right:.5rem}textarea{font:inherit;width:100%}code{overflow-wrap:anywhere}"

/** No script, no other origin, no frame; only our own style, and forms to this server. */
export const pagePolicy = {
  defaultSrc: ["'none'"],
  styleSrc: [`'sha256-${createHash("sha256").update(pageStyle).digest("base64")}'`],
  formAction: ["'self'"],
  baseUri: ["'none'"],
  frameAncestors: ["'none'"],
}

/** A page for people. `title` is text, `body` is HTML. */
export function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title><style>${pageStyle}</style></head>
<body>
${body}
</body></html>
`
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
}

export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? "")
}
