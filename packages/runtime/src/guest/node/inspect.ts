import { installedKernel } from "../web/installed-kernel.ts"

interface InspectChunk {
  inspect(value: unknown, ...options: unknown[]): string
  format(...values: unknown[]): string
}

const loaded = (): InspectChunk => installedKernel().chunk<InspectChunk>("inspect")

/** `util.inspect`: Node's own, 50 kB, loaded when it is first called. */
export function inspect(value: unknown, ...options: unknown[]): string {
  return loaded().inspect(value, ...options)
}
inspect.custom = Symbol.for("nodejs.util.inspect.custom")
inspect.defaultOptions = {}

export function format(...values: unknown[]): string {
  return loaded().format(...values)
}
