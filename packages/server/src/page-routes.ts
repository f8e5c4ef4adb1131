import { MayflyError } from "@mayfly/protocol"
import { z } from "zod"
import { docsAsset, docsAssetNames, docsPage } from "./docs-page.ts"
import { homePage } from "./home-page.ts"
import { type Route, route } from "./route/route.ts"
import { sharedBody } from "./shared-body.ts"

const tag = "Documentation"

/** What people open in a browser, and the document that machines read. */
export const pageRoutes: readonly Route[] = [
  route({
    method: "get",
    path: "/",
    scope: "open",
    tag,
    summary: "A page that says what this is",
    answer: { description: "A page.", media: ["text/html"] },
    query: z.looseObject({}),
    handle: ({ c }) => c.html(homePage()),
  }),
  route({
    method: "get",
    path: "/docs",
    scope: "open",
    tag,
    summary: "This documentation, to try out",
    answer: { description: "A page.", media: ["text/html"] },
    query: z.looseObject({}),
    handle: ({ c }) => c.html(docsPage()),
  }),
  route({
    method: "get",
    path: "/docs/:file",
    scope: "open",
    tag,
    summary: "Scripts and styles of the documentation",
    params: z.object({ file: z.enum(docsAssetNames) }),
    answer: { description: "The file.", media: ["text/javascript", "text/css"] },
    errors: ["server.not-found"],
    async handle({ c, params: { file } }) {
      const asset = await docsAsset(file)
      if (asset === undefined) throw new MayflyError("server.not-found", `there is no file "${file}" in this build`)
      return c.body(sharedBody(asset.bytes), 200, { "content-type": asset.type, "cache-control": "max-age=3600" })
    },
  }),
  route({
    method: "get",
    path: "/v1/openapi.json",
    scope: "open",
    tag,
    summary: "This API as OpenAPI 3.1",
    answer: { description: "The document.", json: z.looseObject({ openapi: z.string() }) },
    async handle({ c }) {
      // Loaded when it is asked for: the document imports all routes, this one among them.
      const { openApiBytes } = await import("./open-api-document.ts")
      return c.body(sharedBody(openApiBytes()), 200, { "content-type": "application/json" })
    },
  }),
]
