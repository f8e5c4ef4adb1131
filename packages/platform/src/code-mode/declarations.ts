import type { Namespace } from "./namespace.ts"

/** TypeScript declarations of everything that generated code may call. */
export interface Declarations {
  readonly text: string
  /** `namespace.tool` to its signature with comment. */
  readonly members: ReadonlyMap<string, string>
}

export interface DeclaredMember {
  readonly name: string
  /** `name(input: { … }): Promise<…>`. */
  readonly signature: string
  /** A comment, or empty. */
  readonly comment: string
}

/** One namespace, its tools as members. `types` are declarations that the members name. */
export function declareNamespace(
  name: string,
  declared: readonly DeclaredMember[],
  options: { types?: readonly string[]; isOpen?: boolean } = {},
): Declarations {
  const members = declared.map((member) => `${member.comment}${member.signature}`)
  if (options.isOpen === true) members.push("[tool: string]: any")
  // `Tools` at the end keeps clear of the language's own interfaces, which it would be merged with.
  const type = `${name.slice(0, 1).toUpperCase()}${name.slice(1)}Tools`
  const body = members.map((member) => member.replace(/^/gm, "  ")).join("\n")
  const parts = [...(options.types ?? []), `interface ${type} {\n${body}\n}`, `declare const ${name}: ${type}`]
  return {
    text: parts.join("\n"),
    members: new Map(
      declared.map(({ name: tool, signature, comment }) => [`${name}.${tool}`, `${comment}${name}.${signature}`]),
    ),
  }
}

export function joinDeclarations(all: readonly Declarations[]): Declarations {
  return {
    text: all.map(({ text }) => text).join("\n\n"),
    members: new Map(all.flatMap(({ members }) => [...members])),
  }
}

/** Declarations of namespaces of which only the tools' names are known. */
export function declareNames(namespaces: readonly Namespace[]): Declarations {
  return joinDeclarations(
    namespaces.map(({ name, tools, isOpen }) => {
      const members = tools.map((tool) => ({
        name: tool,
        signature: `${tool}(...args: any[]): Promise<any>`,
        comment: "",
      }))
      return declareNamespace(name, members, { isOpen })
    }),
  )
}
