import { parseArgs } from "node:util"
import { contenders, type SectionName, sectionNames } from "./all.ts"
import { full, quick, type Settings } from "./settings.ts"

export interface BenchOptions {
  readonly settings: Settings
  readonly sections: readonly SectionName[]
  readonly names: readonly string[]
  readonly json: string | undefined
}

export const help = `npm run bench -- workflows [--quick] [--only NAME,…] [--json FILE]

Measures Mayfly's workflows beside other durable engines, in interleaved rounds, each with what it has for durability. It reports and asserts nothing.

  --quick          fewer rounds: about five minutes instead of fifteen
  --only NAME,…    only these sections and contenders
  --json FILE      where the results go as JSON; default bench/results/workflows.json
  --help           this text

sections:    ${sectionNames.join(", ")}
contenders:
${Object.entries(contenders)
  .map(([name, { title }]) => `  ${name.padEnd(20)} ${title}`)
  .join("\n")}
`

/** Throws an Error with one readable line for a wrong argument. Undefined when help is asked for. */
export function parseOptions(args: readonly string[]): BenchOptions | undefined {
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
  const sections = sectionNames.filter((name) => only.includes(name))
  const names = Object.keys(contenders).filter((name) => only.includes(name))
  const unknown = only.find((name) => ![...sections, ...names].includes(name))
  if (unknown !== undefined) throw new Error(`"${unknown}" is neither a section nor a contender; see --help`)
  return {
    settings: values.quick ? quick : full,
    sections: sections.length > 0 ? sections : sectionNames,
    names: names.length > 0 ? names : Object.keys(contenders),
    json: values.json,
  }
}
