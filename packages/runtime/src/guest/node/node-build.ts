import { fileURLToPath } from "node:url"
import type { Plugin } from "esbuild"

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const shim = (name: string): string => `module.exports = require(${JSON.stringify(here("./assert-shims.ts"))}).${name}`

/** What the libraries import, and what they get instead: each other, or the few lines that they need of a package. */
const replaced: Readonly<Record<string, string>> = {
  "node:path": "module.exports = require('path-browserify')",
  "node:querystring": "export * from 'unenv/node/querystring'",
  "safe-buffer": "module.exports = { Buffer: require('unenv/node/internal/buffer/buffer').Buffer }",
  "util/": `module.exports = require(${JSON.stringify(here("./assert-util.ts"))})`,
  "object.assign/polyfill": shim("assign"),
  "object-is/polyfill": shim("is"),
  "call-bind/callBound": shim("callBound"),
}

/** What esbuild needs to build the chunks of node: modules. Runs in Node at build time, never in the isolate. */
export const nodeBuild = {
  // Not a terminal.
  define: { "process.stderr": "undefined", "process.emitWarning": "undefined", "process.cwd": "workingFolder" },
  banner: { js: "const workingFolder=()=>'/';" },
  plugins: [replacements()],
}

function replacements(): Plugin {
  return {
    name: "replacements",
    setup(build) {
      build.onResolve({ filter: /./ }, ({ path }) =>
        Object.hasOwn(replaced, path) ? { path, namespace: "replaced" } : undefined,
      )
      build.onLoad({ filter: /./, namespace: "replaced" }, ({ path }) => ({
        contents: replaced[path] ?? "",
        resolveDir: here("."),
      }))
    },
  }
}
