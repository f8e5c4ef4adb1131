import { URLPattern } from "urlpattern-polyfill/urlpattern"
import type { LoadChunk } from "../kernel.ts"
import { nameClasses } from "./name-classes.ts"

/** URLPattern, from urlpattern-polyfill. It reads the global URL when it is used, which loads the url chunk. */
const loadUrlPattern: LoadChunk = () => nameClasses({ URLPattern })

export default loadUrlPattern
