import { jsonLine } from "@mayfly/protocol"
import { detectJail } from "@mayfly/platform"
import { exitCodes } from "./command-error.ts"
import { type Check, doctorChecks } from "./doctor-checks.ts"
import { listenForInterrupts } from "./interrupts.ts"
import { type Output, paint } from "./output.ts"
import { type Protection, protections } from "./protections.ts"
import { safeLine } from "./safe-line.ts"
import { spin } from "./spinner.ts"
import { whenAborted } from "./when-aborted.ts"

/** `mayfly doctor`: what works and what protects here. Gives 1 when programs can't run. */
export async function doctorCommand(flags: { readonly json?: boolean }, output: Output): Promise<number> {
  using interrupts = listenForInterrupts()
  const spinner = spin("looking", output)
  const looked = look().finally(() => spinner[Symbol.dispose]())
  await Promise.race([looked, whenAborted(interrupts.signal)])
  if (interrupts.exitCode !== undefined) return interrupts.exitCode
  const { checks, protects } = await looked
  const canRun = checks.every(({ status, isRequired }) => status === "ok" || !isRequired)
  if (flags.json === true) output.stdout.write(jsonLine({ ok: canRun, checks, protections: protects }))
  else {
    output.stdout.write(checks.map((check) => line(check, output)).join(""))
    output.stdout.write(summary(protects, output))
  }
  return canRun ? exitCodes.ok : exitCodes.failed
}

async function look(): Promise<{ readonly checks: readonly Check[]; readonly protects: readonly Protection[] }> {
  return { checks: await doctorChecks(), protects: await protections(detectJail()) }
}

function line({ name, status, detail, fix, isRequired }: Check, output: Output): string {
  const color = status === "ok" ? "green" : isRequired ? "red" : "yellow"
  const mark = paint(output, "stdout", color, status.padEnd(7))
  return `${mark}  ${name.padEnd(12)}  ${safeLine(detail)}\n${fix === undefined ? "" : `${" ".repeat(23)}${safeLine(fix)}\n`}`
}

function summary(all: readonly Protection[], output: Output): string {
  const missing = all.filter(({ isActive }) => !isActive)
  const head = `protections: ${all.length - missing.length} of ${all.length} active`
  const rest = missing.map(({ name, detail, fix = "" }) => `  ${safeLine(`${name}: ${detail}. ${fix}`)}\n`)
  return `${paint(output, "stdout", missing.length === 0 ? "green" : "yellow", head)}\n${rest.join("")}`
}
