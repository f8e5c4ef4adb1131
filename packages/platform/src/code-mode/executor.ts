/** A tool as generated code calls it. */
export type ToolFunction = (...args: unknown[]) => Promise<unknown>

/** One namespace of tools. `prelude` is code of the host's that runs in the guest before the generated code. */
export interface ResolvedProvider {
  name: string
  fns: Record<string, ToolFunction>
  prelude?: string
}

/** A namespace whose every call goes to `callTool` with the first argument. */
export interface ConnectorBinding {
  name: string
  binding: { callTool(method: string, args: unknown): Promise<unknown> }
}

export interface ExecuteOptions {
  connectors?: ConnectorBinding[]
}

export interface ExecuteResult {
  result: unknown
  /** Present when the code failed. */
  error?: string
  /** Console lines in order; warnings and errors start with `[warn] ` and `[error] `. */
  logs?: string[]
}

/**
 * Runs generated code once with tools in its reach. Never throws: failures stand in `error`. Calls are independent of each other.
 * The contract of `@cloudflare/codemode` (packages/codemode/src/executor-types.ts), written down here so that nobody needs that package.
 */
export interface Executor {
  execute(
    code: string,
    /** Or a record of functions, the namespace `codemode`, which is deprecated there. */
    providersOrFns: ResolvedProvider[] | Record<string, ToolFunction>,
    options?: ExecuteOptions,
  ): Promise<ExecuteResult>
}
