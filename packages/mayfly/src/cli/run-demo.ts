import type { Platform } from "@mayfly/platform"
import { streamProgram } from "@mayfly/server/program"
import { demoProgram } from "./demo-program.ts"
import { type Output, paint } from "./output.ts"
import { printError, printLog, printResult, usageLine } from "./print-run.ts"

/** Runs the demonstration and prints its title, result and usage. */
export async function runDemo(platform: Platform, output: Output, signal: AbortSignal): Promise<void> {
  const { title, script, input } = demoProgram
  output.stdout.write(`${paint(output, "stdout", "bold", `Demo: ${title}`)}\n`)
  const program = { options: { script, platform }, call: { kind: "run", input } } as const
  for await (const event of streamProgram(program, signal)) {
    if (event.type === "log") printLog(output, event)
    if (event.type !== "result" && event.type !== "error") continue
    if (event.type === "result") printResult(output, event.result)
    else printError(output, event.error)
    output.stdout.write(`${paint(output, "stdout", "dim", usageLine(event.run.usage))}\n\n`)
  }
}
