import { existsSync, readdirSync, readFileSync } from "node:fs"
import { isBuiltin } from "node:module"
import { dirname, join, relative, resolve } from "node:path"
import { findCycles } from "./find-cycles.ts"
import { type Import, readImports } from "./read-imports.ts"

/** The packages that each package may import directly; what those may import is allowed too. ARCHITECTURE.md explains. */
const layers: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  store: ["protocol"],
  runtime: ["protocol"],
  client: ["protocol"],
  mesh: ["store"],
  workflows: ["store"],
  sandbox: ["store"],
  platform: ["mesh", "runtime", "workflows", "sandbox"],
  server: ["store", "platform"],
  dashboard: ["client"],
  mayfly: ["platform", "server", "client"],
}

/** What these folders import is bundled at build time, so a development dependency will do. */
const bundled = [join("runtime", "src", "guest")]

interface Source {
  readonly path: string
  readonly folder: string
  readonly imports: readonly Import[]
}

interface PackageJson {
  readonly name?: string
  readonly dependencies?: Record<string, string>
  readonly optionalDependencies?: Record<string, string>
  readonly peerDependencies?: Record<string, string>
  readonly devDependencies?: Record<string, string>
}

interface Manifest {
  readonly name: string
  readonly dependencies: ReadonlySet<string>
  readonly devDependencies: ReadonlySet<string>
}

/** Problems with the imports of all packages below `root`, one per line of text; none when all is well. */
export function checkImports(root: string): string[] {
  const folders = readdirSync(join(root, "packages")).filter((name) =>
    existsSync(join(root, "packages", name, "package.json")),
  )
  return folders.flatMap((folder) => {
    if (layers[folder] === undefined) return [`packages/${folder}: not in the table of scripts/check-imports.ts`]
    const manifest = readManifest(join(root, "packages", folder, "package.json"))
    const sources = sourcesOf(root, folder)
    const problems = sources.flatMap((source) =>
      source.imports.flatMap((found) => {
        const problem = judge(found, source, manifest, root)
        return problem === null ? [] : [`${relative(root, source.path)}:${found.line}: ${problem}`]
      }),
    )
    return [...problems, ...cyclesAmong(sources, root)]
  })
}

/** Why an import may not stand, or null. */
function judge(found: Import, source: Source, manifest: Manifest, root: string): string | null {
  const { specifier } = found
  if (specifier.startsWith(".")) {
    const inside = join(root, "packages", source.folder) + "/"
    return resolve(dirname(source.path), specifier).startsWith(inside)
      ? null
      : `"${specifier}" leaves the package; import it by its name`
  }
  if (isBuiltin(specifier)) return specifier.startsWith("node:") ? null : `write "node:${specifier}"`
  const name = packageNameOf(specifier)
  const target = folderOf(name)
  if (name !== manifest.name && target !== null && !below(source.folder).has(target)) {
    return `${source.folder} may not import ${target}: allowed are ${[...below(source.folder)].sort().join(", ") || "none"}`
  }
  if (name === manifest.name || manifest.dependencies.has(name)) return null
  if (mayUseDevelopment(source) && manifest.devDependencies.has(name)) return null
  return `"${name}" is not a dependency in packages/${source.folder}/package.json`
}

function mayUseDevelopment({ path }: Source): boolean {
  return path.endsWith(".test.ts") || bundled.some((folder) => path.includes(join("packages", folder) + "/"))
}

/** All layers under one, at any depth. */
function below(folder: string): Set<string> {
  const direct = layers[folder] ?? []
  return new Set(direct.flatMap((name) => [name, ...below(name)]))
}

function folderOf(packageName: string): string | null {
  if (packageName === "mayfly") return "mayfly"
  return packageName.startsWith("@mayfly/") ? packageName.slice("@mayfly/".length) : null
}

function packageNameOf(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/")
}

function cyclesAmong(sources: readonly Source[], root: string): string[] {
  const graph = new Map(sources.map((source) => [source.path, loadedBy(source)]))
  return findCycles(graph).map((cycle) => {
    const names = [...cycle, ...cycle.slice(0, 1)].map((path) => relative(root, path))
    return `import cycle: ${names.join(" -> ")}`
  })
}

function loadedBy({ path, imports }: Source): string[] {
  return imports
    .filter(({ specifier, isType, isDynamic }) => specifier.startsWith(".") && !isType && !isDynamic)
    .map(({ specifier }) => resolve(dirname(path), specifier))
}

function sourcesOf(root: string, folder: string): Source[] {
  const directory = join(root, "packages", folder, "src")
  if (!existsSync(directory)) return []
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.[cm]?[jt]sx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => ({ path, folder, imports: readImports(path) }))
}

function readManifest(path: string): Manifest {
  const parsed = JSON.parse(readFileSync(path, "utf8")) as PackageJson
  return {
    name: parsed.name ?? "",
    dependencies: new Set(
      Object.keys({ ...parsed.dependencies, ...parsed.optionalDependencies, ...parsed.peerDependencies }),
    ),
    devDependencies: new Set(Object.keys(parsed.devDependencies ?? {})),
  }
}

if (import.meta.main) {
  const problems = checkImports(join(import.meta.dirname, ".."))
  for (const problem of problems) console.error(problem)
  process.exitCode = problems.length === 0 ? 0 : 1
}
