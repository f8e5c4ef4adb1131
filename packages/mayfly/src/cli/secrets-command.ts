import type { ApiFlags } from "./api-options.ts"
import { text as readAll } from "node:stream/consumers"
import { jsonLine, pathSegment } from "@mayfly/protocol"
import { askSecret } from "./ask-secret.ts"
import { exitCodes, invalid } from "./command-error.ts"
import { listAll } from "./list-all.ts"
import type { Api } from "./api.ts"
import type { Output } from "./output.ts"
import { printDone } from "./print-done.ts"
import { printTable } from "./print-table.ts"
import { withApi } from "./with-api.ts"

export type SecretsFlags = ApiFlags

/** `mayfly secrets set|ls|rm`. Gives the exit code; never rejects. */
export async function secretsCommand(
  action: "set" | "ls" | "rm",
  name: string,
  flags: SecretsFlags,
  output: Output,
): Promise<number> {
  const prepare = async (): Promise<string> => (action === "set" ? valueOf(output) : "")
  const act = async (api: Api, value: string): Promise<number> => {
    const tenant = flags.tenant === undefined ? {} : { tenant: flags.tenant }
    const query = new URLSearchParams(tenant).toString()
    const path = `/v1/secrets/${pathSegment(name)}`
    if (action === "ls") print(await listAll(api, `/v1/secrets?${query}`, "secrets"), flags, output)
    else {
      if (action === "set") await api.call("PUT", path, { value, ...tenant })
      else await api.call("DELETE", `${path}?${query}`)
      printDone(flags, output)
    }
    return exitCodes.ok
  }
  return withApi({ flags, output, prepare, act })
}

/** Not from an argument: those are seen by every process of the machine and kept in the shell's history. */
async function valueOf(output: Output): Promise<string> {
  const value = process.stdin.isTTY
    ? await askSecret("value: ", output)
    : (await readAll(process.stdin)).replace(/\r?\n$/, "")
  if (value === "") throw invalid("the secret", "is read from stdin, and nothing came")
  return value
}

interface ShownSecret {
  readonly name: string
  readonly updatedAt: number
}

function print(secrets: readonly ShownSecret[], { json }: SecretsFlags, output: Output): void {
  if (json === true) for (const secret of secrets) output.stdout.write(jsonLine(secret))
  else
    printTable(
      ["updated", "name"],
      secrets.map(({ name, updatedAt }) => [new Date(updatedAt).toISOString(), name]),
      output,
    )
}
