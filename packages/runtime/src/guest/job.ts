/** What the host hands to a fresh isolate before guest code runs, as JSON. `env`, `input`, `props` and `request` are encoded values. */
export interface GuestJob {
  /** "prewarm" evaluates the program's modules and calls nothing; "object" makes an instance of the class `entry`, which is then called from outside. */
  readonly call: "run" | "fetch" | "prewarm" | "object"
  /** The export that is called, for the worker loader; else the program's shape decides. */
  readonly entry?: string
  /** The method of `entry`; its arguments are the input. */
  readonly method?: string
  /** How the main module came about: an expression's value may itself be the result. */
  readonly shape: "module" | "expression" | "body"
  readonly env: string
  readonly props: string
  /** The input of `run`, or the request of `fetch`. */
  readonly input: string
  readonly outputBytes: number
  /** What a result may be made of. Default "data". */
  readonly gives?: Gives
  readonly logBytes: number
  /** Identifiers that stand for `import(` in a module, with the module's name and what its specifiers mean where that is known. */
  readonly imports: readonly (readonly [
    identifier: string,
    module: string,
    targets?: Readonly<Record<string, string>>,
  ])[]
  /** Identifiers that stand for `import.meta`. */
  readonly metas: readonly (readonly [identifier: string, module: string, isMain: boolean])[]
  /** Prefix of the hidden globals that compiled modules use: `_start`, and with `hasHelpers` `_builtin`, `_bytes`, `_define`, `_provide`, `_require`. */
  readonly prefix: string
  readonly hasHelpers: boolean
}

/**
 * "data": what structured clone knows; a generator gives an array of its values. "targets": the same, and objects of RpcTarget classes as stubs.
 * "stubs": also functions, streams and generators. "values": data, and a generator's values one by one.
 */
export type Gives = "data" | "targets" | "stubs" | "values"
