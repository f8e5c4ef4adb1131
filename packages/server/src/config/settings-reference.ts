import { type Setting, settingList } from "./setting-list.ts"

/** The table of docs/reference/configuration.md. */
export function settingsReference(): string {
  const rows = settingList.map((setting) => {
    const { name, flag, variable, type, description } = setting
    return `| \`${name}\` | ${type.replaceAll("|", "\\|")} | ${defaultOf(setting)} | ${flag === undefined ? "" : `\`${flag}\``} | \`${variable}\` | ${description} |`
  })
  return ["| setting | type | default | flag | variable | meaning |", "|---|---|---|---|---|---|", ...rows].join("\n")
}

function defaultOf({ default: value, otherwise }: Setting): string {
  if (otherwise !== undefined) return otherwise
  return value === undefined ? "" : `\`${JSON.stringify(value)}\``.replaceAll(/`"(.*)"`/g, "`$1`")
}
