import type * as JustBash from "just-bash"

type Library = Pick<typeof JustBash, "parse" | "serialize">

const maxDepth = 100

/** Functions that a command defines, with their text, so that the next command of its shell can have them. */
export function functionsIn(library: Library, command: string): (readonly [name: string, text: string])[] {
  const found: [string, string][] = []
  const look = (node: unknown, depth: number): void => {
    if (typeof node !== "object" || node === null || depth > maxDepth) return
    if (isFunction(node)) found.push([node.name, textOf(library, node)])
    for (const child of Object.values(node)) look(child, depth + 1)
  }
  try {
    look(library.parse(command), 0)
  } catch {
    // It did not run either.
  }
  return found
}

interface FunctionNode {
  readonly type: "FunctionDef"
  readonly name: string
}

function isFunction(node: object): node is FunctionNode {
  return "type" in node && node.type === "FunctionDef" && "name" in node && typeof node.name === "string"
}

function textOf({ serialize }: Library, node: FunctionNode): string {
  const pipeline = { type: "Pipeline", commands: [node], negated: false, timed: false, timePosix: false }
  const statement = { type: "Statement", pipelines: [pipeline], operators: [], background: false }
  return serialize({ type: "Script", statements: [statement] } as unknown as Parameters<typeof serialize>[0])
}
