import type { Limits } from "./limits.ts"
import type { NetworkPolicy } from "./network.ts"

/** A module as callers give it. */
export type GivenModule =
  | string
  | { readonly js: string }
  | { readonly ts: string }
  | { readonly cjs: string }
  | { readonly text: string }
  | { readonly json: unknown }
  | { readonly data: ArrayBuffer | Uint8Array }
  | { readonly wasm: ArrayBuffer | Uint8Array }

/** A program, and what it may use. */
export interface ProgramOptions {
  /** One program text in any of the five shapes; or `modules` and `mainModule`. */
  readonly script?: string
  readonly modules?: Readonly<Record<string, GivenModule>>
  readonly mainModule?: string
  /** Default "auto". */
  readonly language?: "auto" | "javascript" | "typescript"
  readonly limits?: Partial<Limits>
  /** Default: nothing can be reached. */
  readonly network?: NetworkPolicy
  /** Data, functions, objects of functions, class instances. Encoded once, when the worker is created. */
  readonly env?: Readonly<Record<string, unknown>>
  /** Checks the program's types before it ever runs: `worker.typecheck` lists what does not fit. Default false. */
  readonly typecheck?: boolean
  /** TypeScript declarations for the check, above all of `Env`. Default: what `env` shows. */
  readonly declarations?: string
}

/** The same for somebody. */
export interface WorkerOptions extends ProgramOptions {
  /** Domain of isolation and fairness. Default "default", or the key's. */
  readonly tenant?: string
  /** What the worker is called in usage and in the history of runs. Default: its content hash. */
  readonly name?: string
}
