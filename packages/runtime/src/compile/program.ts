import type { ChunkName } from "../guest/kernel.ts"

/** What a caller gives: modules by name. A string's kind follows from the name's ending. */
export type ModuleSource =
  | string
  | { readonly js: string }
  | { readonly ts: string }
  | { readonly cjs: string }
  | { readonly text: string }
  | { readonly json: unknown }
  /** Bytes, as base64 on the way to the compiler. */
  | { readonly data: string }
  | { readonly wasm: string }

/** A request to the compile process. */
export interface CompileRequest {
  /** One program text of any shape, or … */
  readonly script?: string
  /** … modules, `main` among them. */
  readonly modules?: Readonly<Record<string, ModuleSource>>
  readonly main?: string
  readonly language: "auto" | "javascript" | "typescript"
}

/** One module as the host compiles it. */
export interface CompiledModule {
  readonly name: string
  readonly code: string
  /** Static imports: specifier to module name. */
  readonly imports: Readonly<Record<string, string>>
}

/** A whole program for hosts. The supervisor passes it on as text and never reads it. */
export interface CompiledProgram {
  readonly main: string
  readonly shape: "module" | "expression" | "body"
  readonly modules: readonly CompiledModule[]
  /** Names that dynamic import may resolve to, even if no static import mentions them. */
  readonly names: readonly string[]
  readonly chunks: readonly ChunkName[]
  /** Prefix of hidden names; stands nowhere in the program. */
  readonly prefix: string
  /** Whether modules other than plain code need the runtime's help: bytes, CommonJS. */
  readonly hasHelpers: boolean
  readonly imports: readonly (readonly [
    identifier: string,
    module: string,
    targets?: Readonly<Record<string, string>>,
  ])[]
  readonly metas: readonly (readonly [identifier: string, module: string, isMain: boolean])[]
}

/** Text that compiling put into a line of the source; positions behind it are moved back by its length. Lines from 1, columns from 0. */
export interface Insertion {
  readonly line: number
  readonly column: number
  readonly length: number
}

/** How positions in a compiled module map to what the author wrote. */
export interface ModulePositions {
  readonly name: string
  readonly insertions: readonly Insertion[]
  /** Lines of the compiled code; what comes behind them is ours. */
  readonly lines: number
  /** Source map (version 3) of a TypeScript transformation, as JSON. */
  readonly map?: string
  /** The author's text, for the source line of an error; left out above 1 MiB. */
  readonly source?: string
}

/** A failed compilation. Lines and columns from 1, where known. */
export interface CompileFailure {
  readonly code: "worker.syntax" | "worker.module-not-found" | "worker.no-entrypoint" | "input.invalid"
  readonly message: string
  readonly file?: string
  readonly line?: number
  readonly column?: number
  readonly sourceLine?: string
  readonly specifier?: string
}

export type CompileAnswer =
  | { readonly program: CompiledProgram; readonly positions: readonly ModulePositions[] }
  | { readonly failure: CompileFailure }
