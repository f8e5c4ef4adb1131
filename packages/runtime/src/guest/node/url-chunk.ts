import querystring from "unenv/node/querystring"
import url from "unenv/node/url"
import type { LoadChunk } from "../kernel.ts"
import { installedKernel, installKernel } from "../web/installed-kernel.ts"

/** `node:url` and `node:querystring`, from unenv (Node's own code). Internationalized names are the host's work, as for the global URL. */
const loadUrl: LoadChunk = (kernel) => {
  installKernel(kernel)
  const domainToASCII = (domain: string): string => installedKernel().ask("idna", `${domain}`) ?? ""
  return { "node:url": { ...url, domainToASCII }, "node:querystring": querystring }
}

export default loadUrl
