import assert from "assert/"
import type { LoadChunk } from "../kernel.ts"
import { installKernel } from "../web/installed-kernel.ts"
import { utilModule } from "./util-module.ts"
import { types } from "./util-types.ts"

/** `node:util`, and `node:assert` from the assert package (Node's own code). One chunk, because deep equality is half of both. */
const loadUtil: LoadChunk = (kernel) => {
  installKernel(kernel)
  return {
    "node:util": utilModule(),
    "node:util/types": types,
    "node:assert": assert,
    "node:assert/strict": assert["strict"],
  }
}

export default loadUtil
