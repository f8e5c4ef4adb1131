import { Visitor } from "oxc-parser"
import { compileProgram } from "./compile-program.ts"
import { parse } from "./parse.ts"
import type { CompiledProgram, CompileFailure, CompileRequest } from "./program.ts"

/** What a program seems to need, read from its text. It is no proof: addresses may be computed, and names may mislead. */
export interface ProgramPlan {
  readonly shape: "module" | "expression" | "body"
  /** Origins of the addresses that stand in the program, sorted. */
  readonly origins: readonly string[]
  /** Whether a request goes to an address that is not written out where it is made. */
  readonly hasComputedRequests: boolean
  /** Names of `env` that it reads, sorted. */
  readonly bindings: readonly string[]
  /** Builtin modules that it imports, sorted. */
  readonly builtins: readonly string[]
  /** Its own modules, sorted. */
  readonly modules: readonly string[]
}

export type PlanAnswer = { readonly plan: ProgramPlan } | { readonly failure: CompileFailure }

/** A program whose plan has more entries of a kind is one that generates noise. */
const maxEntries = 1_000

/** Reads the plan of a program. Never throws. */
export function planProgram(request: CompileRequest): PlanAnswer {
  const answer = compileProgram(request)
  return "failure" in answer ? answer : { plan: planOf(answer.program) }
}

function planOf(program: CompiledProgram): ProgramPlan {
  const found: Found = { origins: new Set(), bindings: new Set(), hasComputedRequests: false }
  // What the compiler added has names with its prefix, or none that could be written in a program.
  const own = program.modules.filter(({ name }) => !name.startsWith(program.prefix) && !isBuiltin(name))
  const registered = program.modules.filter(({ name }) => name.startsWith(`${program.prefix}:`))
  for (const { code } of [...own, ...registered]) readModule(code, found)
  const imported = new Set(program.modules.flatMap(({ imports }) => Object.values(imports)).filter(isBuiltin))
  return {
    shape: program.shape,
    origins: listed(found.origins),
    hasComputedRequests: found.hasComputedRequests,
    bindings: listed(found.bindings),
    builtins: listed(imported),
    modules: listed(own.map(({ name }) => name)),
  }
}

function isBuiltin(name: string): boolean {
  return /^(node|cloudflare):/.test(name)
}

function listed(names: Iterable<string>): readonly string[] {
  return [...names].toSorted().slice(0, maxEntries)
}

interface Found {
  readonly origins: Set<string>
  readonly bindings: Set<string>
  hasComputedRequests: boolean
}

/** The parts of syntax tree nodes that are looked at. */
interface Node {
  readonly type: string
  readonly value?: unknown
  readonly name?: string
  readonly computed?: boolean
  readonly object?: Node
  readonly property?: Node
  readonly key?: Node
  readonly id?: Node
  readonly init?: Node | null
  readonly callee?: Node
  readonly params?: readonly Node[]
  readonly left?: Node
  readonly properties?: readonly Node[]
  readonly arguments?: readonly Node[]
  readonly quasis?: readonly { readonly value: { readonly cooked: string | null } }[]
}

function readModule(code: string, found: Found): void {
  const visitor = new Visitor({
    Literal: (node: Node) => addOrigin(node.value, false, found),
    TemplateLiteral: ({ quasis = [] }: Node) => addOrigin(quasis[0]?.value.cooked, quasis.length > 1, found),
    MemberExpression: (node: Node) => addBinding(node, found),
    VariableDeclarator: ({ id, init }: Node) => {
      if (isEnv(init ?? undefined)) addNames(id, found)
    },
    FunctionDeclaration: (node: Node) => addParameter(node, found),
    FunctionExpression: (node: Node) => addParameter(node, found),
    ArrowFunctionExpression: (node: Node) => addParameter(node, found),
    CallExpression: (node: Node) => noteRequest(node, /^(fetch|connect)$/, found),
    NewExpression: (node: Node) => noteRequest(node, /^(WebSocket|Request)$/, found),
  } as unknown as ConstructorParameters<typeof Visitor>[0])
  visitor.visit(parse(code, "js").program)
}

/** A text that begins like an address. In a template it may end within the host, which is then not known. */
function addOrigin(value: unknown, continues: boolean, found: Found): void {
  if (typeof value !== "string") return
  const [, scheme = "", authority = "", rest = ""] = /^(https?|wss?):\/\/([^/?#\s"'<>]+)(.?)/is.exec(value) ?? []
  if (authority === "" || (continues && rest === "")) return
  const url = URL.parse(`${scheme.toLowerCase().replace("ws", "http")}://${authority}/`)
  if (url !== null) found.origins.add(url.origin)
}

/** `env.NAME`, `this.env.NAME`, `ctx.env.NAME`. */
function addBinding({ object, property, computed }: Node, found: Found): void {
  if (!isEnv(object)) return
  if (computed !== true && property?.name !== undefined) found.bindings.add(property.name)
  if (computed === true && typeof property?.value === "string") found.bindings.add(property.value)
}

function isEnv(node: Node | undefined): boolean {
  if (node?.type === "Identifier") return node.name === "env"
  return node?.type === "MemberExpression" && node.computed !== true && node.property?.name === "env"
}

/** `(input, { NAME }) => …`: the second parameter of a handler is its environment, when it is taken apart there. */
function addParameter({ params = [] }: Node, found: Found): void {
  const second = params[1]
  addNames(second?.type === "AssignmentPattern" ? second.left : second, found)
}

function addNames(pattern: Node | undefined, found: Found): void {
  if (pattern?.type !== "ObjectPattern") return
  for (const { key } of pattern.properties ?? []) if (key?.name !== undefined) found.bindings.add(key.name)
}

function noteRequest({ callee, arguments: given = [] }: Node, names: RegExp, found: Found): void {
  if (callee?.type !== "Identifier" || !names.test(callee.name ?? "")) return
  const [address] = given
  const isWritten = address?.type === "Literal" || (address?.type === "TemplateLiteral" && startsWithOrigin(address))
  // `fetch(request)` inside a program that makes the request elsewhere is as open as a computed address.
  if (address !== undefined && !isWritten) found.hasComputedRequests = true
}

function startsWithOrigin({ quasis = [] }: Node): boolean {
  return /^\w+:\/\/[^/?#]+[/?#]/.test(quasis[0]?.value.cooked ?? "") || quasis.length === 1
}
