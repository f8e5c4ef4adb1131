/** One of a list, as the API tells it. */
export type Row = Readonly<Record<string, unknown>>

/** What stands above the cells. */
export const titlesOf = {
  sandboxes: ["created", "status", "id", "tenant"],
  processes: ["started", "status", "id", "pid", "command"],
  snapshots: ["created", "id", "sandbox", "size"],
} as const

/** What is shown of each, as cells. */
export const rowsOf = {
  sandboxes: ({ id, status, tenant, createdAt }: Row) => [timeOf(createdAt), text(status), text(id), text(tenant)],
  processes: ({ id, pid, status, exitCode, startedAt, command }: Row) => [
    timeOf(startedAt),
    `${text(status)}${exitCode === undefined ? "" : ` ${text(exitCode)}`}`,
    text(id),
    text(pid),
    Array.isArray(command) ? command.map(text).join(" ") : text(command),
  ],
  snapshots: ({ id, sandboxId, createdAt, bytes }: Row) => [
    timeOf(createdAt),
    text(id),
    text(sandboxId),
    `${(Number(bytes) / 1_048_576).toFixed(1)} MiB`,
  ],
} as const

function timeOf(value: unknown): string {
  const date = new Date(Number(value))
  return Number.isNaN(date.getTime()) ? "?" : date.toISOString()
}

function text(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "")
}
