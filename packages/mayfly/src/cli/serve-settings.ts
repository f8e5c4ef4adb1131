import { jsonLine } from "@mayfly/protocol"
import {
  type EffectiveSettings,
  printedSettings,
  readConfigFile,
  readSettings,
  settingList,
} from "@mayfly/server/config"
import type { Output } from "./output.ts"
import { safeLine } from "./safe-line.ts"

/** What `mayfly serve` takes beside settings that have a flag. */
export interface ConfigFlags {
  readonly config?: string
  readonly set?: readonly string[]
  readonly printConfig?: boolean
  readonly json?: boolean
}

/** The settings in force. Throws `input.invalid`. */
export function serveSettings(flags: ConfigFlags & object): EffectiveSettings {
  const environment = process.env
  const file = readConfigFile(flags.config ?? environment["MAYFLY_CONFIG"], process.cwd())
  return readSettings({ flags: flagValues(flags), set: flags.set ?? [], environment, file })
}

/** Commander names "--allow-host" allowHost. */
function flagValues(flags: object): Record<string, unknown> {
  const given = new Map<string, unknown>(Object.entries(flags))
  const named = settingList.flatMap(({ name, flag }) =>
    flag === undefined ? [] : [[name, given.get(attributeOf(flag))]],
  )
  return Object.fromEntries(named) as Record<string, unknown>
}

function attributeOf(flag: string): string {
  return flag.slice(2).replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

/** For `--print-config`. */
export function printSettings(effective: EffectiveSettings, json: boolean, output: Output): void {
  const printed = printedSettings(effective)
  if (json) {
    output.stdout.write(jsonLine({ settings: printed }))
    return
  }
  const rows = printed.map(
    ({ name, value, source, otherwise }) => [name, otherwise ?? JSON.stringify(value), source] as const,
  )
  const widths = [0, 1].map((at) => Math.min(40, Math.max(...rows.map((row) => (row[at] ?? "").length))))
  for (const [name, value, source] of rows) {
    const line = `${name.padEnd(widths[0] ?? 0)}  ${value.padEnd(widths[1] ?? 0)}  ${source}`
    output.stdout.write(`${safeLine(line)}\n`)
  }
}
