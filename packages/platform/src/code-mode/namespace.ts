import { MayflyError } from "@mayfly/protocol"
import { closeNames } from "./close-names.ts"
import type { ConnectorBinding, ResolvedProvider, ToolFunction } from "./executor.ts"
import { plainData } from "./plain-data.ts"
import { isReservedWord, sanitizeToolName } from "./sanitize-tool-name.ts"

/** A global of the guest whose methods are tools. */
export interface Namespace {
  readonly name: string
  /** Identifiers of its tools; empty for a connector, which takes any. */
  readonly tools: readonly string[]
  /** Whether tools that are not listed may exist. */
  readonly isOpen: boolean
  readonly prelude?: string
  /** `tool` and `args` come from the guest. Throws what the guest's call rejects with. */
  call(tool: unknown, args: unknown): Promise<unknown>
}

/** The names that `@cloudflare/codemode` reserves, so that a provider works in both or in neither, and those that generated code can't do without. */
const reservedNames = new Set(
  (
    "__dispatchers __connectors __logs __CODEMODE_BINARY_TAG __bytesToBase64 __base64ToBytes __encodeCodemodeValue __decodeCodemodeValue " +
    "__stringifyForCodemode __parseForCodemode WorkerEntrypoint CodeExecutor Promise setTimeout Error console globalThis Object Proxy"
  ).split(" "),
)
const identifier = /^[a-zA-Z_$][\w$]*$/
const maxListed = 40

/** Checks names and makes namespaces. Throws `input.invalid` for a name that is reserved, no identifier, or there twice. */
export function makeNamespaces(
  providers: readonly ResolvedProvider[],
  connectors: readonly ConnectorBinding[] = [],
): Namespace[] {
  const taken = new Set<string>()
  for (const { name } of providers) {
    checkName("Provider", name)
    if (taken.has(name)) throw invalid(`Duplicate provider name "${name}"`)
    taken.add(name)
  }
  for (const { name } of connectors) {
    checkName("Connector", name)
    if (taken.has(name)) throw invalid(`Duplicate name "${name}" (connector clashes with provider)`)
    taken.add(name)
  }
  return [...providers.map(providerNamespace), ...connectors.map(connectorNamespace)]
}

function checkName(kind: string, name: string): void {
  if (reservedNames.has(name)) throw invalid(`${kind} name "${name}" is reserved`)
  if (identifier.test(name) && !isReservedWord(name)) return
  throw invalid(`${kind} name "${name}" is not a valid JavaScript identifier`)
}

function providerNamespace({ name, fns, prelude }: ResolvedProvider): Namespace {
  const tools = toolsByName(name, fns)
  const names = [...tools.keys()]
  return {
    name,
    tools: names,
    isOpen: prelude !== undefined,
    ...(prelude === undefined ? {} : { prelude }),
    async call(tool, args) {
      const wanted = String(tool)
      const call = tools.get(wanted) ?? tools.get(sanitizeToolName(wanted))
      if (call === undefined) throw new Error(unknownTool(name, wanted, names))
      return plainData(await callTool(call, argumentsOf(`${name}.${wanted}`, args)))
    },
  }
}

function toolsByName(provider: string, fns: Readonly<Record<string, ToolFunction>>): Map<string, ToolFunction> {
  const tools = new Map<string, ToolFunction>()
  const originals = new Map<string, string>()
  for (const [name, call] of Object.entries(fns)) {
    const safe = sanitizeToolName(name)
    const other = originals.get(safe)
    if (other !== undefined)
      throw invalid(`Tool names "${other}" and "${name}" both sanitize to "${safe}" in provider "${provider}"`)
    originals.set(safe, name)
    tools.set(safe, call)
  }
  return tools
}

async function callTool(call: ToolFunction, args: readonly unknown[]): Promise<unknown> {
  try {
    return await call(...args)
  } catch (error) {
    throw error instanceof Error ? error : new Error(String(error), { cause: error })
  }
}

/** What a connector answers instead of throwing; the durable runtime of `@cloudflare/codemode` knows its own message again. */
function connectorNamespace({ name, binding }: ConnectorBinding): Namespace {
  return {
    name,
    tools: [],
    isOpen: true,
    async call(tool, args) {
      const answer = plainData(await binding.callTool(String(tool), argumentsOf(`${name}.${String(tool)}`, args)[0]))
      const { __codemode_control__: control, message } = (answer ?? {}) as Readonly<Record<string, unknown>>
      if (control === "pause") throw new Error("__CODEMODE_PAUSE__")
      if (control === "error") throw new Error(String(message))
      return answer
    },
  }
}

/** A function in the arguments would be a way into the guest that no tool expects. */
function argumentsOf(tool: string, args: unknown): unknown[] {
  try {
    return structuredClone(Array.isArray(args) ? args : [args])
  } catch (error) {
    throw new TypeError(`${tool} takes only data as arguments: ${(error as Error).message}`, { cause: error })
  }
}

function unknownTool(namespace: string, wanted: string, names: readonly string[]): string {
  const close = closeNames(wanted, names).map((name) => `${namespace}.${name}`)
  const hint = close.length === 0 ? "" : ` Did you mean ${close.join(" or ")}?`
  const more = names.length > maxListed ? `, and ${names.length - maxListed} more` : ""
  const list = names.length === 0 ? "no tools" : names.slice(0, maxListed).join(", ") + more
  return `Tool "${wanted.slice(0, 100)}" not found.${hint} ${namespace} has: ${list}.`
}

function invalid(message: string): MayflyError {
  return new MayflyError("input.invalid", message)
}
