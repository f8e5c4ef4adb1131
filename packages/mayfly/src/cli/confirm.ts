import { createInterface } from "node:readline/promises"
import { invalid } from "./command-error.ts"
import type { Output } from "./output.ts"

/** Asks a person; anything but yes is a no. Without a terminal, `option` says yes. Throws `input.invalid` when it is a no. */
export async function confirm(question: string, option: string, isYes: boolean, output: Output): Promise<void> {
  if (isYes) return
  if (!process.stdin.isTTY) throw invalid(option, `is needed when nobody can be asked: ${question}`)
  const prompt = createInterface({ input: process.stdin, output: output.stderr })
  const answer = await prompt.question(`${question} [y/N] `).finally(() => prompt.close())
  if (!/^y(es)?$/i.test(answer.trim())) throw invalid(option, "was not given, and the answer was no")
}
