import { MayflyError } from "@mayfly/protocol"
import {
  builtinModule,
  type ImportKind,
  PackageResolver,
  type Resolution,
  resolveModule,
} from "@mayfly/runtime/resolve"

/** A given file tree, and what specifiers mean in it. */
export interface BundleFiles {
  read(path: string): string | Uint8Array | undefined
  /** The entry's path. Throws `worker.no-entrypoint`. */
  entry(given: string | undefined): string
  resolve(specifier: string, importer: string, kind: ImportKind): Resolution | undefined
}

const defaultEntries = ["src/index.ts", "src/index.js", "index.ts", "index.js"]
const moreEndings = [".tsx", ".jsx", "/index.tsx", "/index.jsx"]

export function bundleFiles(given: Readonly<Record<string, string | Uint8Array>>): BundleFiles {
  const contents = new Map(Object.entries(given).map(([path, content]) => [path.replace(/^\.?\//, ""), content]))
  const has = (path: string): boolean => contents.has(path)
  const packages = new PackageResolver({ has, json: (path) => textOf(contents.get(path)) })

  const resolve = (specifier: string, importer: string, kind: ImportKind): Resolution | undefined => {
    if (specifier.startsWith("/") || specifier.startsWith("file:")) return undefined
    const isRelative = /^\.{1,2}(?:\/|$)/.test(specifier)
    const inPackage = isRelative ? undefined : packages.resolve(specifier, importer, kind)
    if (inPackage !== undefined && "name" in inPackage) return inPackage
    if (!isRelative && builtinModule(specifier) !== undefined) return undefined
    const name = withEndings(specifier, importer, has)
    if (name !== undefined) return { name }
    return inPackage ?? (isRelative ? packages.resolve(specifier, importer, kind) : undefined)
  }

  return {
    resolve,
    read: (path) => contents.get(path),
    entry(path) {
      const candidates = path === undefined ? [packages.main(), ...defaultEntries] : [path.replace(/^\.?\//, "")]
      const found = candidates.find((candidate) => candidate !== undefined && has(candidate))
      if (found !== undefined) return found
      const tried =
        path === undefined
          ? `none of ${defaultEntries.join(", ")} is among the files, and package.json names none`
          : `"${path}" is not among the files`
      throw new MayflyError("worker.no-entrypoint", `there is nothing to bundle: ${tried}`)
    },
  }
}

function withEndings(specifier: string, importer: string, has: (path: string) => boolean): string | undefined {
  const find = (candidate: string): string | undefined => resolveModule(candidate, importer, has)
  return (
    find(specifier) ??
    moreEndings.map((ending) => find(specifier + ending)).find((found) => found !== undefined) ??
    (/\.jsx?$/.test(specifier) ? find(specifier.replace(/\.jsx?$/, ".tsx")) : undefined)
  )
}

function textOf(content: string | Uint8Array | undefined): string | undefined {
  return typeof content === "string" || content === undefined ? content : new TextDecoder().decode(content)
}
