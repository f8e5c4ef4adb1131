import { pathSegment } from "@mayfly/protocol"
import { text as readAll } from "node:stream/consumers"
import { errorLine, exitCodeOf, exitCodes, invalid } from "./command-error.ts"
import { listAll } from "./list-all.ts"
import { openApi } from "./open-api.ts"
import type { Output } from "./output.ts"
import { safeLine } from "./safe-line.ts"

export interface SecretsFlags {
  readonly data: string
  readonly tenant?: string
  readonly json?: boolean
}

/** `mayfly secrets set|ls|rm`. Gives the exit code; never rejects. */
export async function secretsCommand(
  action: "set" | "ls" | "rm",
  name: string,
  flags: SecretsFlags,
  output: Output,
): Promise<number> {
  try {
    // Not from an argument: those are seen by every process of the machine and kept in the shell's history.
    const value = action === "set" ? (await readAll(process.stdin)).replace(/\r?\n$/, "") : ""
    if (action === "set" && value === "") throw invalid("the secret", "is read from stdin, and nothing came")
    await using api = await openApi(flags.data)
    const tenant = flags.tenant ?? "default"
    const path = `/v1/secrets/${pathSegment(name)}`
    if (action === "set") await api.call("PUT", path, { value, tenant })
    else if (action === "rm") await api.call("DELETE", `${path}?tenant=${encodeURIComponent(tenant)}`)
    else print(await listAll(api, `/v1/secrets?tenant=${encodeURIComponent(tenant)}`, "secrets"), flags, output)
    return exitCodes.ok
  } catch (error) {
    output.stderr.write(`${safeLine(errorLine(error))}\n`)
    return exitCodeOf(error)
  }
}

interface ShownSecret {
  readonly name: string
  readonly updatedAt: number
}

function print(secrets: readonly ShownSecret[], { json }: SecretsFlags, { stdout }: Output): void {
  if (json === true) return void stdout.write(`${JSON.stringify(secrets)}\n`)
  for (const { name, updatedAt } of secrets) stdout.write(`${new Date(updatedAt).toISOString()}  ${safeLine(name)}\n`)
}
