import path from "path-browserify"
import type { LoadChunk } from "../kernel.ts"

/** POSIX paths, from path-browserify (Node's own code). A guest has no file system; its working directory is "/". */
const loadPath: LoadChunk = () => {
  path["toNamespacedPath"] = (value: unknown): unknown => value
  delete path["win32"]
  return { "node:path": path, "node:path/posix": path }
}

export default loadPath
