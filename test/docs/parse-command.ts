import { PassThrough } from "node:stream"
import { type Command, CommanderError } from "commander"
import { createCommandLine } from "../../packages/mayfly/src/cli/program.ts"

/** What the command line says against these arguments of `mayfly`; "" when they are right. Nothing is carried out. */
export function parseCommand(args: readonly string[]): string {
  const nowhere = new PassThrough() as unknown as NodeJS.WriteStream
  const { program } = createCommandLine(nowhere, nowhere)
  for (const command of [program, ...below(program)]) if (command.commands.length === 0) command.action(() => {})
  try {
    program.parse(args, { from: "user" })
    return ""
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return ""
    return `mayfly ${args.join(" ")}: ${String(error)}`
  }
}

function below(parent: Command): Command[] {
  return parent.commands.flatMap((command) => [command, ...below(command)])
}
