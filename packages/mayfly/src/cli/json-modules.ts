import type { DynamicWorkerOptions } from "@mayfly/platform"

/** Modules as the API takes them: bytes are base64. */
export function jsonModules(modules: NonNullable<DynamicWorkerOptions["modules"]>): Record<string, unknown> {
  const entries = Object.entries(modules).map(([name, module]): [string, unknown] => {
    if (typeof module === "string") return [name, module]
    const [[kind, content] = ["", ""]] = Object.entries(module) as [string, unknown][]
    return [name, { [kind]: bytesOf(content)?.toString("base64") ?? content }]
  })
  return Object.fromEntries(entries)
}

function bytesOf(content: unknown): Buffer | undefined {
  if (content instanceof ArrayBuffer) return Buffer.from(content)
  return ArrayBuffer.isView(content) ? Buffer.from(content.buffer, content.byteOffset, content.byteLength) : undefined
}
