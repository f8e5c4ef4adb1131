import { closeNames } from "../close-names.ts"
import type { TypeProblem } from "./check-types.ts"

const maxMembers = 5
const maxLinesBack = 30

/** The signatures of the tools that lines with problems call, or may have meant. A wrong argument may stand many lines below its call. */
export function relevantDeclarations(
  problems: readonly TypeProblem[],
  text: string,
  members: ReadonlyMap<string, string>,
): string {
  const lines = text.split("\n")
  const called = new Set(problems.flatMap(({ line }) => calledAt(lines, line, members)))
  return [...called]
    .slice(0, maxMembers)
    .map((name) => members.get(name) ?? "")
    .join("\n")
}

function calledAt(lines: readonly string[], line: number, members: ReadonlyMap<string, string>): readonly string[] {
  for (let at = line; at > Math.max(0, line - maxLinesBack); at--) {
    const calls = (lines[at - 1] ?? "").slice(0, 2_000).matchAll(/(?<![\w$])([\w$]+)\??\.([\w$]+)/g)
    const names = [...calls].flatMap(([, namespace = "", tool = ""]) => meant(namespace, tool, members))
    if (names.length > 0) return names
  }
  return []
}

function meant(namespace: string, tool: string, members: ReadonlyMap<string, string>): readonly string[] {
  const name = `${namespace}.${tool}`
  if (members.has(name)) return [name]
  const tools = [...members.keys()]
    .filter((member) => member.startsWith(`${namespace}.`))
    .map((member) => member.slice(namespace.length + 1))
  return closeNames(tool, tools).map((close) => `${namespace}.${close}`)
}
