import { fileURLToPath } from "node:url"

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

/**
 * What esbuild needs to build the chunks: the Unicode and legacy-encoding tables of whatwg-url (420 kB) are replaced by
 * questions to the host. Runs in Node at build time, never in the isolate.
 */
export const chunkBuild = {
  alias: {
    "entities/decode": here("../html/no-entities.ts"),
    tr46: here("./url-idna.ts"),
    "webidl-conversions": here("./url-conversions.ts"),
    "@exodus/bytes/encoding.js": here("./url-legacy-encodings.ts"),
    "@exodus/bytes/whatwg.js": here("./url-percent-encode.ts"),
  },
  // whatwg-url reads SharedArrayBuffer.prototype when evaluated, and base may have removed it from the guest's globals.
  define: { SharedArrayBuffer: "ArrayBuffer" },
}
