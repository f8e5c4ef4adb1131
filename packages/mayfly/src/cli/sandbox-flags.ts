/** What `mayfly sandbox` is asked to do. */
export type SandboxCall =
  | { readonly name: "create"; readonly id?: string }
  | { readonly name: "ls" }
  | { readonly name: "exec"; readonly id: string; readonly words: readonly string[] }
  | { readonly name: "cp"; readonly from: string; readonly to: string }
  | { readonly name: "rm"; readonly id: string }

export interface SandboxFlags {
  readonly data: string
  readonly tenant?: string
  readonly json?: boolean
  readonly allow?: readonly string[]
  readonly memory?: string
  readonly provider?: string
  readonly env?: readonly string[]
  readonly cwd?: string
  readonly timeout?: string
  readonly stdin?: boolean
}
