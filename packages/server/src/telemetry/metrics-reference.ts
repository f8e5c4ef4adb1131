import { Metrics } from "./metrics.ts"

/** The table of docs/reference/metrics.md: what the registry itself says that it holds. */
export function metricsReference(): string {
  const nothing = (): never => {
    throw new Error("nothing is measured for the documentation")
  }
  using metrics = new Metrics(nothing, { tenants: true })
  const rows = metrics
    .list()
    .map(
      ({ name, kind, labels, help }) =>
        `| \`${name}\` | ${kind} | ${labels.map((label) => `\`${label}\``).join(", ")} | ${help} |`,
    )
  return ["| name | kind | labels | meaning |", "|---|---|---|---|", ...rows].join("\n")
}
