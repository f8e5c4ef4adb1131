import wrapper from "whatwg-url/webidl2js-wrapper.js"
import type { LoadChunk } from "../kernel.ts"
import { installKernel } from "./installed-kernel.ts"
import { nameClasses } from "./name-classes.ts"

/** URL and URLSearchParams, from whatwg-url. */
const loadUrl: LoadChunk = (kernel) => {
  installKernel(kernel)
  // whatwg-url makes its classes per "global object"; the real one stays untouched.
  const globals: Record<string, unknown> = { Array, Object, Promise, String, TypeError }
  wrapper.URL.install(globals, ["Window"])
  wrapper.URLSearchParams.install(globals, ["Window"])
  return nameClasses({ URL: globals["URL"], URLSearchParams: globals["URLSearchParams"] })
}

export default loadUrl
