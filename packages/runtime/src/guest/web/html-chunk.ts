import { HTMLRewriter } from "../html/html-rewriter.ts"
import type { LoadChunk } from "../kernel.ts"
import { installKernel } from "./installed-kernel.ts"
import { nameClasses } from "./name-classes.ts"

/** HTMLRewriter, on the tokenizer of htmlparser2 and the selector parser css-what. */
const loadHtml: LoadChunk = (kernel) => {
  installKernel(kernel)
  return nameClasses({ HTMLRewriter })
}

export default loadHtml
