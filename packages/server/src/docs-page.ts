import { existsSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"

/** Served by us: the page works without a network, and loads nothing from anybody else. */
export const docsAssetNames = ["swagger-ui.css", "swagger-ui-bundle.js", "start.js"] as const

/**
 * Scripts and styles of this server only. Swagger UI sets styles of single elements from its script, which needs no exception; the one for images is for
 * the arrows in its style sheet.
 */
export const docsPolicy = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'"],
  imgSrc: ["'self'", "data:"],
  connectSrc: ["'self'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'none'"],
}

const start = `SwaggerUIBundle({
  url: "/v1/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  tryItOutEnabled: true,
  // Its badge would ask a server of somebody else about the document.
  validatorUrl: null,
})
`

export function docsPage(): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Mayfly: HTTP API</title><link rel="stylesheet" href="/docs/swagger-ui.css"></head>
<body><div id="docs"></div>
<noscript>This page needs scripts; the same in JSON is at <a href="/v1/openapi.json">/v1/openapi.json</a>.</noscript>
<script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script>
</body></html>
`
}

export interface DocsAsset {
  readonly bytes: Uint8Array
  readonly type: string
}

const read = new Map<string, Promise<DocsAsset>>()

/** Undefined when this build came without it. */
export async function docsAsset(name: (typeof docsAssetNames)[number]): Promise<DocsAsset | undefined> {
  const type = name.endsWith(".css") ? "text/css; charset=utf-8" : "text/javascript; charset=utf-8"
  if (name === "start.js") return { bytes: Buffer.from(start), type }
  const path = pathOf(name)
  if (path === undefined) return undefined
  const known = read.get(name)
  if (known !== undefined) return known
  const reading = readFile(path).then((bytes) => ({ bytes, type }))
  read.set(name, reading)
  return reading
}

/** Copied beside the compiled files at build time; in a checkout that was not built, as it was installed. */
function pathOf(name: string): string | undefined {
  const copied = join(import.meta.dirname, "..", "dist", "docs", name)
  if (existsSync(copied)) return copied
  try {
    return join(dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json")), name)
  } catch {
    return undefined
  }
}
