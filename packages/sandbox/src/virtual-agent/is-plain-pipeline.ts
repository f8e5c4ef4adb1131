import type * as JustBash from "just-bash"

/** Whether redirections can be put behind a command, and then are those of its last program. */
export function isPlainPipeline({ parse }: Pick<typeof JustBash, "parse">, command: string): boolean {
  if (/[\n#;&]|<</.test(command)) return false
  try {
    const { statements } = parse(command)
    const [statement] = statements
    if (statements.length !== 1 || statement?.pipelines.length !== 1) return false
    const last = statement.pipelines[0]?.commands.at(-1)
    return last?.type === "SimpleCommand" && last.name !== null && last.redirections.length === 0
  } catch {
    return false
  }
}
