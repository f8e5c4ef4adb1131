import { parseArgs } from "node:util"

/** What can be asked for in a bench that measures contenders in sections. */
export interface BenchChoice<Section extends string, Settings> {
  readonly sections: readonly Section[]
  readonly contenders: Readonly<Record<string, { readonly title: string }>>
  readonly settings: { readonly full: Settings; readonly quick: Settings }
}

export interface BenchOptions<Section extends string, Settings> {
  readonly settings: Settings
  readonly sections: readonly Section[]
  readonly names: readonly string[]
  readonly json: string | undefined
}

/** The text of --help. `about` says what is measured, `quick` what --quick does. */
export function helpOf(
  bench: string,
  { about, quick }: { readonly about: string; readonly quick: string },
  { sections, contenders }: Pick<BenchChoice<string, unknown>, "sections" | "contenders">,
): string {
  return `npm run bench -- ${bench} [--quick] [--only NAME,…] [--json FILE]

${about} It reports and asserts nothing.

  --quick          ${quick}
  --only NAME,…    only these sections and contenders
  --json FILE      where the results go as JSON; default bench/results/${bench}.json
  --help           this text

sections:    ${sections.join(", ")}
contenders:
${Object.entries(contenders)
  .map(([name, { title }]) => `  ${name.padEnd(20)} ${title}`)
  .join("\n")}
`
}

/** Throws an Error with one readable line for a wrong argument. Undefined when help is asked for. */
export function parseOptions<Section extends string, Settings>(
  args: readonly string[],
  choice: BenchChoice<Section, Settings>,
): BenchOptions<Section, Settings> | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string", multiple: true, default: [] },
      json: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  })
  if (values.help) return undefined
  const only = values.only.flatMap((list) => list.split(",")).filter((name) => name !== "")
  const sections = choice.sections.filter((name) => only.includes(name))
  const names = Object.keys(choice.contenders).filter((name) => only.includes(name))
  const unknown = only.find((name) => ![...sections, ...names].includes(name))
  if (unknown !== undefined) throw new Error(`"${unknown}" is neither a section nor a contender; see --help`)
  return {
    settings: values.quick ? choice.settings.quick : choice.settings.full,
    sections: sections.length > 0 ? sections : choice.sections,
    names: names.length > 0 ? names : Object.keys(choice.contenders),
    json: values.json,
  }
}
