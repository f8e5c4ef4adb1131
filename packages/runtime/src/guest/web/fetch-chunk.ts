import type { LoadChunk } from "../kernel.ts"
import { Blob, File } from "./blob.ts"
import { fetch } from "./fetch.ts"
import { FormData } from "./form-data.ts"
import { Headers } from "./headers.ts"
import { installKernel } from "./installed-kernel.ts"
import { nameClasses } from "./name-classes.ts"
import { Request, requestFromWire } from "./request.ts"
import { Response, responseToWire } from "./response.ts"

/** The Fetch Standard, Blob, File and FormData; and for the driver `requestFromWire` and `responseToWire`. */
const loadFetch: LoadChunk = (kernel) => {
  installKernel(kernel)
  return nameClasses({ Headers, Request, Response, FormData, Blob, File, fetch, requestFromWire, responseToWire })
}

export default loadFetch
