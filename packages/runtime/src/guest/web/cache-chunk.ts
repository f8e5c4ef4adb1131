import type { LoadChunk } from "../kernel.ts"
import { Cache, CacheStorage, makeCaches } from "./cache.ts"
import { installKernel } from "./installed-kernel.ts"
import { nameClasses } from "./name-classes.ts"

/** The Cache API: `caches.default` and `caches.open`. */
const loadCache: LoadChunk = (kernel) => {
  installKernel(kernel)
  return { ...nameClasses({ Cache, CacheStorage }), caches: makeCaches() }
}

export default loadCache
