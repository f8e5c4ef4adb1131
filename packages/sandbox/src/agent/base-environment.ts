/** What every command sees, taken once: the agent's own variables, without the one that names its descriptor. */
export const baseEnvironment: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined || name.startsWith("MAYFLY_") ? [] : [[name, value]],
  ),
)

/** An error as file functions throw it. */
export function missing(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}
