import type { Directive, Statement } from "oxc-parser"

/**
 * Where `return ` must be put so that a body gives the value of its last expression. Looks into the last statement's branches, as the
 * completion value of a script does. A last function declaration is the result as well: a program that ends in `async function main(input) {…}`
 * means it to be called.
 */
export function resultInsertions(statements: readonly (Statement | Directive)[]): number[] {
  const last = statements.findLast((statement) => statement.type !== "EmptyStatement" && !isTypeOnly(statement))
  return last === undefined ? [] : insertionsOf(last as Statement)
}

function insertionsOf(statement: Statement): number[] {
  switch (statement.type) {
    case "ExpressionStatement":
    case "FunctionDeclaration":
      return [statement.start]
    case "BlockStatement":
      return resultInsertions(statement.body)
    case "IfStatement":
      return [
        ...insertionsOf(statement.consequent),
        ...(statement.alternate === null ? [] : insertionsOf(statement.alternate)),
      ]
    case "TryStatement":
      return [...resultInsertions(statement.block.body), ...resultInsertions(statement.handler?.body.body ?? [])]
    default:
      return []
  }
}

function isTypeOnly(statement: Statement | Directive): boolean {
  return statement.type === "TSInterfaceDeclaration" || statement.type === "TSTypeAliasDeclaration"
}
