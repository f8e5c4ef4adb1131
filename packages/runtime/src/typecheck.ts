/** A program whose types are to be checked. Lines and columns are those of `files`. */
export interface TypeCheckRequest {
  /** The author's modules by name, without fences. */
  readonly files: Readonly<Record<string, string>>
  readonly main: string
  readonly shape: "module" | "expression" | "body"
  readonly env: Readonly<Record<string, unknown>>
  /** TypeScript declarations, above all of `Env`. Default: what `env` shows. */
  readonly declarations?: string
}

/** Rejects with `worker.typecheck`. The check itself is not the runtime's: whoever makes a runtime gives one. */
export type TypeCheck = (request: TypeCheckRequest) => Promise<void>
