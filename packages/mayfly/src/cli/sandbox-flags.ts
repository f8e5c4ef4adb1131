import type { ApiFlags } from "./api-options.ts"

/** What `mayfly sandbox` is asked to do. */
export type SandboxCall =
  | { readonly name: "create" | "fork"; readonly id?: string; readonly from?: string }
  | { readonly name: "ls" }
  | { readonly name: "exec" | "sh"; readonly id: string; readonly words: readonly string[] }
  | { readonly name: "cp"; readonly from: string; readonly to: string }
  | { readonly name: "rm" | "stop" | "ps" | "snapshot" | "snapshots"; readonly id: string }
  | { readonly name: "logs" | "kill"; readonly id: string; readonly process: string }
  | { readonly name: "expose" | "unexpose"; readonly id: string; readonly port: string }

export interface SandboxFlags extends ApiFlags {
  readonly allow?: readonly string[]
  readonly memory?: string
  readonly provider?: string
  readonly env?: readonly string[]
  readonly from?: string
  readonly cwd?: string
  readonly timeout?: string
  readonly stdin?: boolean
  readonly detach?: boolean
  readonly terminal?: string
  readonly follow?: boolean
  readonly signal?: string
  readonly ttl?: string
  readonly rm?: string
  readonly maxMb?: string
}
