import type { LoadChunk } from "../kernel.ts"
import { bodyHeaders, takeContent } from "./body.ts"
import { contentBytes } from "./body-content.ts"
import { Blob, File } from "./blob.ts"
import { fetch } from "./fetch.ts"
import { FormData } from "./form-data.ts"
import type { CacheParts } from "./cache.ts"
import { Headers, headerPairs } from "./headers.ts"
import { installKernel } from "./installed-kernel.ts"
import { nameClasses } from "./name-classes.ts"
import { Request, requestFromWire } from "./request.ts"
import { Response, responseFromFetch, responseToWire } from "./response.ts"

/** The Fetch Standard, Blob, File and FormData; and for the driver `requestFromWire` and `responseToWire`. */
const loadFetch: LoadChunk = (kernel) => {
  installKernel(kernel)
  const cacheParts: CacheParts = {
    Request,
    Response,
    responseFromFetch,
    bodyHeaders,
    takeContent,
    contentBytes,
    headerPairs,
  }
  const classes = nameClasses({
    Headers,
    Request,
    Response,
    FormData,
    Blob,
    File,
    fetch,
    requestFromWire,
    responseToWire,
  })
  return { ...classes, cacheParts }
}

export default loadFetch
