import type { Kernel } from "../kernel.ts"

let installed: Kernel | undefined

/** Called once, by a chunk's default export, before anything else of the chunk runs. */
export function installKernel(kernel: Kernel): void {
  installed = kernel
}

/** The isolate's kernel. Never store the result on an object that guest code can reach, and never `bind` it. */
export function installedKernel(): Kernel {
  if (installed === undefined) throw new Error("The chunk was used before it was loaded")
  return installed
}
