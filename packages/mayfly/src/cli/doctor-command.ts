import { exitCodes } from "./command-error.ts"
import { type Check, doctorChecks } from "./doctor-checks.ts"
import { type Output, paint } from "./output.ts"
import { spin } from "./spinner.ts"

/** `mayfly doctor`: what works and what protects here. Gives 1 when programs can't run. */
export async function doctorCommand(flags: { readonly json?: boolean }, output: Output): Promise<number> {
  const spinner = spin("looking", output)
  const checks = await doctorChecks().finally(() => spinner[Symbol.dispose]())
  const canRun = checks.every(({ status, isRequired }) => status === "ok" || !isRequired)
  if (flags.json === true) output.stdout.write(`${JSON.stringify({ ok: canRun, checks })}\n`)
  else output.stdout.write(checks.map((check) => line(check, output)).join(""))
  return canRun ? exitCodes.ok : exitCodes.failed
}

function line({ name, status, detail, fix, isRequired }: Check, output: Output): string {
  const color = status === "ok" ? "green" : isRequired ? "red" : "yellow"
  const mark = paint(output, "stdout", color, status.padEnd(7))
  return `${mark}  ${name.padEnd(12)}  ${detail}\n${fix === undefined ? "" : `${" ".repeat(23)}${fix}\n`}`
}
