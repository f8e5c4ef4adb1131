import type { Namespace } from "./namespace.ts"

/** Declarations of namespaces of which only the tools' names are known. */
export function declareNames(namespaces: readonly Namespace[]): string {
  return namespaces.map(declareNamespace).join("\n")
}

function declareNamespace({ name, tools, isOpen }: Namespace): string {
  const members = tools.map((tool) => `  ${tool}(...args: any[]): Promise<any>`)
  if (isOpen) members.push("  [tool: string]: any")
  return `interface ${typeName(name)} {\n${members.join("\n")}\n}\ndeclare const ${name}: ${typeName(name)}`
}

/** `Tools` at the end keeps clear of the language's own interfaces, which it would be merged with. */
export function typeName(namespace: string): string {
  return `${namespace.slice(0, 1).toUpperCase()}${namespace.slice(1)}Tools`
}
