import { MayflyError, toTaggedJson, type Usage } from "@mayfly/protocol"
import { type CodeModeOptions, parseCodeModeOptions } from "./code-mode-options.ts"
import { type CallableTool, type CodeTools, parseCodeTools, type ParsedNamespace } from "./code-tools.ts"
import { joinDeclarations } from "./declarations.ts"
import type { ResolvedProvider, ToolFunction } from "./executor.ts"
import { logTexts, modelError } from "./failure-text.ts"
import { makeNamespaces } from "./namespace.ts"
import { runCode } from "./run-code.ts"

export interface CodeToolOptions extends CodeModeOptions {
  readonly tools: CodeTools
  /** What the model reads; `{{types}}` stands for the declarations. */
  readonly description?: string
}

export interface CodeToolResult {
  /** Plain JSON where nothing is lost, else the documented tagged form. Missing when the code gave nothing. */
  readonly result?: unknown
  /** Console lines; warnings and errors start with `[warn] ` and `[error] `. */
  readonly logs: readonly string[]
  readonly usage: Usage
}

/** What the AI SDK passes to a tool; all of it may be missing. */
export interface CodeToolCall {
  readonly abortSignal?: AbortSignal | undefined
  readonly toolCallId?: string
  readonly messages?: unknown
}

/** A tool for `generateText` and `streamText` of the AI SDK, versions 5 and later, without depending on it. */
export interface CodeTool {
  readonly description: string
  readonly inputSchema: CodeInputSchema
  /** Rejects with a coded error whose message is written for the model, console output included. */
  execute(input: CodeInput, options?: CodeToolCall): Promise<CodeToolResult>
}

export interface CodeInput {
  readonly code: string
}

const defaultDescription = `Runs JavaScript or TypeScript that you write, in a sandbox, and gives you its result and console output.

Available to the code, besides the language itself:

{{types}}

Write one async arrow function without parameters that returns the result as plain data.
Call several tools in one piece of code, use loops and Promise.all, and return only what is needed.
There is no file system, no process and no import; the network can be reached only where it was allowed.

Example: async () => { const found = await codemode.search({ query: "test" }); return found.length }`

/** Makes one tool out of many: the model writes code against their declarations. Throws `input.invalid`. */
export function codeTool(options: CodeToolOptions): CodeTool {
  const { tools, description = defaultDescription, ...rest } = options
  const settings = parseCodeModeOptions(rest)
  const parsed = parseCodeTools(tools)
  // Names are checked now and not at the first call.
  makeNamespaces(parsed.map((namespace) => providerOf(namespace, {})))
  const declarations = joinDeclarations(parsed.map((namespace) => namespace.declarations))
  return {
    // A function: `$` in a declaration is not a pattern of replace.
    description: description.replaceAll("{{types}}", () => declarations.text),
    inputSchema: codeInputSchema,
    async execute(input, call = {}) {
      const { code } = parseCodeInput(input)
      const { abortSignal: signal } = call
      const namespaces = makeNamespaces(parsed.map((namespace) => providerOf(namespace, call)))
      const ran = await runCode({
        code,
        namespaces,
        settings,
        declarations,
        ...(signal === undefined ? {} : { signal }),
      })
      if (ran.ok) return resultOf(ran.run, logTexts(ran.logs))
      const { error, logs, run } = ran
      throw new MayflyError(error.code, modelError(error, logs), {
        details: { ...error.details, logs: logTexts(logs), ...(run === undefined ? {} : { usage: run.usage }) },
        retry: error.retry,
        fix: error.fix,
        cause: error,
      })
    },
  }
}

function resultOf(
  { result, usage }: { readonly result: unknown; readonly usage: Usage },
  logs: readonly string[],
): CodeToolResult {
  return { ...(result === undefined ? {} : { result: toTaggedJson(result) }), logs, usage }
}

function providerOf({ name, tools, declarations }: ParsedNamespace, call: CodeToolCall): ResolvedProvider {
  const functions = tools.map((tool): [string, ToolFunction] => [
    tool.name,
    checkedCall(name, tool, declarations.members, call),
  ])
  return { name, fns: Object.fromEntries(functions) }
}

/** Nothing reaches a tool that its schema refuses: the arguments are a guest's. */
function checkedCall(
  namespace: string,
  tool: CallableTool,
  members: ReadonlyMap<string, string>,
  call: CodeToolCall,
): ToolFunction {
  const path = `${namespace}.${tool.name}`
  return async (given) => {
    const input = given === undefined && tool.input !== undefined ? {} : given
    const checked = (await tool.input?.check(input)) ?? { ok: true, value: input }
    if (!checked.ok) {
      const declared = members.get(path) ?? ""
      throw new TypeError(
        `${path} was called with wrong arguments:\n${checked.problems.map((problem) => `- ${problem}`).join("\n")}\nDeclared as:\n${declared}`,
      )
    }
    return lastOf(await tool.call(checked.value, { toolCallId: path, messages: [], ...call }))
  }
}

/** The AI SDK's tools may yield what they have so far; the last is the result. */
async function lastOf(result: unknown): Promise<unknown> {
  if (
    typeof result !== "object" ||
    result === null ||
    !(Symbol.asyncIterator in result) ||
    result instanceof ReadableStream
  )
    return result
  let last: unknown
  for await (const part of result as AsyncIterable<unknown>) last = part
  return last
}

const jsonSchema = {
  type: "object",
  properties: { code: { type: "string", description: "An async arrow function in JavaScript or TypeScript." } },
  required: ["code"],
  additionalProperties: false,
} as const

type Validated =
  | { readonly value: CodeInput; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string }[] }

/** A Standard Schema with JSON Schema; the AI SDK also knows it by a symbol of its own, which is all that version 5 takes. */
export interface CodeInputSchema {
  readonly "~standard": {
    readonly version: 1
    readonly vendor: "mayfly"
    readonly validate: (value: unknown) => Validated
    readonly jsonSchema: {
      readonly input: () => Record<string, unknown>
      readonly output: () => Record<string, unknown>
    }
    readonly types?: { readonly input: CodeInput; readonly output: CodeInput }
  }
  readonly jsonSchema: typeof jsonSchema
  readonly validate: (
    value: unknown,
  ) => { readonly success: true; readonly value: CodeInput } | { readonly success: false; readonly error: Error }
}

const problem = "the input must be an object with the text of the program as `code`"

const codeInputSchema: CodeInputSchema = {
  [Symbol.for("vercel.ai.schema")]: true,
  "~standard": {
    version: 1,
    vendor: "mayfly",
    validate: (value) => (isCodeInput(value) ? { value } : { issues: [{ message: problem }] }),
    jsonSchema: {
      input: () => structuredClone<Record<string, unknown>>(jsonSchema),
      output: () => structuredClone<Record<string, unknown>>(jsonSchema),
    },
  },
  jsonSchema,
  validate: (value) =>
    isCodeInput(value) ? { success: true, value } : { success: false, error: new TypeError(problem) },
}

function isCodeInput(value: unknown): value is CodeInput {
  return typeof value === "object" && value !== null && "code" in value && typeof value.code === "string"
}

function parseCodeInput(input: unknown): CodeInput {
  if (isCodeInput(input)) return input
  throw new MayflyError("input.invalid", problem, { details: { path: "code" } })
}
