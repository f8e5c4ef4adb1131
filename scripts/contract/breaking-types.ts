/** Exports that users may miss or see changed: name and reason. What only grows is no break. */
export function breakingTypes(
  before: ReadonlyMap<string, string>,
  now: ReadonlyMap<string, string>,
): Map<string, string> {
  const breaks = new Map<string, string>()
  for (const [name, text] of before) {
    const current = now.get(name)
    if (current === undefined) breaks.set(name, `${name} is gone`)
    else if (current !== text) {
      const reason = reasonOf(name, text.split("\n"), current.split("\n"))
      if (reason !== undefined) breaks.set(name, reason)
    }
  }
  return breaks
}

function reasonOf(name: string, before: readonly string[], now: readonly string[]): string | undefined {
  const left = [...now]
  for (const line of before) {
    const at = left.indexOf(line)
    if (at < 0) return `${name} has lost or changed: ${line}`
    left.splice(at, 1)
  }
  // Whoever gives options gives one too few then.
  const demanded = /Options$|Request$/.test(name) ? left.find((line) => /^(?:readonly )?\w+:/.test(line)) : undefined
  return demanded === undefined ? undefined : `${name} demands more: ${demanded}`
}

const fence = "\n\n"

/** A report as it is kept: one declaration after the other. */
export function writeReport(exports: ReadonlyMap<string, string>): string {
  return `${[...exports].map(([name, text]) => `// ${name}\n${text}`).join(fence)}\n`
}

export function readReport(text: string): Map<string, string> {
  const parts = text.trimEnd() === "" ? [] : text.trimEnd().split(fence)
  return new Map(
    parts.map((part) => {
      const [first = "", ...lines] = part.split("\n")
      return [first.slice(3), lines.join("\n")]
    }),
  )
}
