import { createHash } from "node:crypto"

/** What a page of a hook says. Texts are hostile: ids and names come from whoever made the workflow. */
export interface HookQuestion {
  readonly id: string
  readonly step: string
  readonly type: string
  /** The question itself. */
  readonly prompt?: string
}

const style =
  "body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:4rem auto;padding:0 1rem}" +
  "p.question{white-space:pre-wrap;overflow-wrap:anywhere;border-left:3px solid;padding-left:1rem}h1{overflow-wrap:anywhere}" +
  "button{font:inherit;padding:.4rem 1.2rem;margin-right:.5rem}textarea{font:inherit;width:100%}code{overflow-wrap:anywhere}"

/** No script, no other origin, no frame; only our own style, and forms to this server. */
export const hookPagePolicy = {
  defaultSrc: ["'none'"],
  styleSrc: [`'sha256-${createHash("sha256").update(style).digest("base64")}'`],
  formAction: ["'self'"],
  baseUri: ["'none'"],
  frameAncestors: ["'none'"],
}

/** Asks a person. Looking at it decides nothing: mail scanners and previews open links too. */
export function questionPage({ id, step, type, prompt }: HookQuestion): string {
  return page(
    step,
    `<h1>${escape(step)}</h1>
<p>The workflow <code>${escape(id)}</code> ${prompt === undefined ? "waits for your decision" : "asks"} (<code>${escape(type)}</code>)${prompt === undefined ? "." : ":"}</p>
${prompt === undefined ? "" : `<p class="question">${escape(prompt)}</p>\n`}<form method="post">
<p><label>Comment<br><textarea name="comment" rows="3" maxlength="2000"></textarea></label></p>
<button name="approved" value="true">Approve</button><button name="approved" value="false">Reject</button>
</form>`,
  )
}

export function messagePage(title: string, text: string): string {
  return page(title, `<h1>${escape(title)}</h1>\n<p>${escape(text)}</p>`)
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escape(title)}</title><style>${style}</style></head>
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

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? "")
}
