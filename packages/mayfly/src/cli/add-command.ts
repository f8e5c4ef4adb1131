import type { Command } from "commander"
import { examples } from "./examples-text.ts"

/** Adds a command whose help says all that a help has to: the summary is its description, unless another is given later. */
export function addCommand(parent: Command, usage: string, summary: string, lines: readonly string[]): Command {
  return parent
    .command(usage)
    .summary(summary)
    .description(`${summary[0]?.toUpperCase() ?? ""}${summary.slice(1)}.`)
    .addHelpText("after", examples(lines))
}
