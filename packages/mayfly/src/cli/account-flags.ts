import type { ApiFlags } from "./api-options.ts"

/** Options of `mayfly usage`, as commander gives them. */
export interface UsageFlags extends ApiFlags {
  readonly from?: string
  readonly to?: string
  readonly by?: string
  readonly csv?: boolean
  readonly compare?: boolean
}

/** Of `mayfly tenants`. */
export interface TenantsFlags extends ApiFlags {
  readonly quota?: string
  readonly budget?: string
  readonly reason?: string
}

export type TenantsAction = "ls" | "show" | "set" | "suspend" | "resume"

/** Of `mayfly runs`. */
export interface RunsFlags extends ApiFlags {
  readonly status?: string
  readonly worker?: string
  readonly limit?: string
}

export type RunsAction = "ls" | "show" | "cancel"

/** Of `mayfly worker`. */
export interface WorkerFlags extends ApiFlags {
  readonly input?: string
  readonly env?: string
  readonly cpu?: string
  readonly memory?: string
  readonly wall?: string
  readonly allow?: readonly string[]
  readonly policy?: string
  readonly language?: string
  readonly reuse?: boolean
}

export type WorkerCall =
  | { readonly name: "deploy"; readonly worker: string; readonly file: string }
  | { readonly name: "ls" }
  | { readonly name: "rm" | "run" | "versions"; readonly worker: string }
  | { readonly name: "rollback"; readonly worker: string; readonly version: string }
