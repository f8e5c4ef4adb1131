import type { Route } from "./route.ts"

/** Whether a request needs no key, by what the routes declare. Everything else does, also what is no route. */
export function openPaths(routes: readonly Route[]): (method: string, path: string) => boolean {
  const exact = new Set<string>()
  const patterns: { readonly method: string; readonly pattern: RegExp }[] = []
  for (const { method, path, scope } of routes) {
    if (scope !== "open") continue
    if (path.includes(":")) patterns.push({ method: method.toUpperCase(), pattern: patternOf(path) })
    else exact.add(`${method.toUpperCase()} ${path}`)
  }
  return (given, path) => {
    const method = given === "HEAD" ? "GET" : given
    if (exact.has(`${method} ${path}`)) return true
    return patterns.some((one) => one.method === method && one.pattern.test(path))
  }
}

/** Each parameter is one segment. */
function patternOf(path: string): RegExp {
  const parts = path.split(/:\w+/).map((text) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`))
  return new RegExp(`^${parts.join("[^/]+")}$`)
}
