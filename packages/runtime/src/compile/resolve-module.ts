const endings = ["", ".js", ".ts", ".mjs", ".mts", ".cjs", ".json", "/index.js", "/index.ts"]

/**
 * The given module that `specifier` means, or undefined. Exact names win; then what agents take for granted: "./x" for x.js or x.ts,
 * "./x.js" for x.ts, a folder for its index. Nothing outside the given names can be reached.
 */
export function resolveModule(specifier: string, referrer: string, has: (name: string) => boolean): string | undefined {
  const path = pathOf(specifier, referrer)
  return path === undefined ? undefined : findFile(path, has)
}

/** The given module that `path` means: itself, or with one of the endings that agents leave out. */
export function findFile(path: string, has: (name: string) => boolean): string | undefined {
  for (const candidate of candidates(path)) if (has(candidate)) return candidate
  return undefined
}

function* candidates(path: string): Iterable<string> {
  for (const ending of endings) {
    yield path + ending
    yield `./${path}${ending}`
  }
  const typescript = /^(.*)\.(m|c)?js$/.exec(path)
  if (typescript !== null) yield `${typescript[1] ?? ""}.${typescript[2] ?? ""}ts`
}

function pathOf(specifier: string, referrer: string): string | undefined {
  if (specifier.startsWith("file:///")) return normalize(specifier.slice(8).split("/"))
  if (specifier.startsWith("/")) return normalize(specifier.slice(1).split("/"))
  if (!specifier.startsWith("./") && !specifier.startsWith("../") && specifier !== "." && specifier !== "..")
    return specifier
  return normalize([...referrer.replace(/^\.\//, "").split("/").slice(0, -1), ...specifier.split("/")])
}

function normalize(parts: readonly string[]): string | undefined {
  const path: string[] = []
  for (const part of parts) {
    if (part === "" || part === ".") continue
    if (part !== "..") path.push(part)
    else if (path.pop() === undefined) return undefined
  }
  return path.join("/")
}
