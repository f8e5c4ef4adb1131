import type { PreviewBase } from "@mayfly/platform"
import { invalid } from "./parse-fields.ts"

const hostShape = /^(?=.{1,180}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/

/** `localhost`, `preview.example.com`, `preview.example.com:8080` (this server, by that name) or `https://preview.example.com` (a proxy). Throws `input.invalid`. */
export function previewBase(given: string | undefined, port: number): PreviewBase {
  const text = given ?? "localhost"
  const isUrl = /^https?:\/\//i.test(text)
  const address = isUrl ? text : `http://${text}`
  const url = URL.canParse(address) ? new URL(address) : undefined
  const isBare =
    url !== undefined && url.pathname === "/" && url.search === "" && url.hash === "" && url.username === ""
  if (url === undefined || !isBare || !hostShape.test(url.hostname) || /^[\d.]+$/.test(url.hostname))
    throw invalid(
      "previewHost",
      "must be a name such as preview.example.com, or an address such as https://preview.example.com",
    )
  const scheme = url.protocol === "https:" ? "https" : "http"
  // A bare name leads to this server itself.
  const own = isUrl || given?.includes(":") === true ? null : port
  return { scheme, host: url.hostname, port: url.port === "" ? own : Number(url.port) }
}
