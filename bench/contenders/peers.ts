import { spawnSync } from "node:child_process"
import { accessSync, constants, existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

/** Programs that Mayfly is compared with and that do not come with Node. */
export type PeerName = "workerd" | "deno"

const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), "peers")
const platforms: Readonly<Record<PeerName, Readonly<Record<string, string>>>> = {
  workerd: {
    "linux-x64": "@cloudflare/workerd-linux-64/bin/workerd",
    "linux-arm64": "@cloudflare/workerd-linux-arm64/bin/workerd",
    "darwin-x64": "@cloudflare/workerd-darwin-64/bin/workerd",
    "darwin-arm64": "@cloudflare/workerd-darwin-arm64/bin/workerd",
  },
  deno: {
    "linux-x64": "@deno/linux-x64-glibc/deno",
    "linux-arm64": "@deno/linux-arm64-glibc/deno",
    "darwin-x64": "@deno/darwin-x64/deno",
    "darwin-arm64": "@deno/darwin-arm64/deno",
  },
}

/** The binary inside the npm package for this platform; there is one or this throws. */
export function peerBinary(name: PeerName): string {
  const path = platforms[name][`${process.platform}-${process.arch}`]
  if (path === undefined) throw new Error(`${name} has no package for ${process.platform}-${process.arch}`)
  const binary = join(folder, "node_modules", path)
  accessSync(binary, constants.X_OK)
  return binary
}

/** Runs `npm ci` in bench/peers when nothing is installed there. Never fails: a peer that is missing is left out. */
export function installPeers(): void {
  if (existsSync(join(folder, "node_modules", ".package-lock.json"))) return
  console.log("installing workerd and deno for comparison (npm ci in bench/peers, about 260 MB) …")
  // Their binaries lie in packages of their own, so no install script has to run.
  const { status, error } = spawnSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: folder,
    stdio: "inherit",
    shell: process.platform === "win32",
  })
  if (status !== 0) console.log(`that failed (${error?.message ?? `npm ended with ${status}`}); going on without them`)
}

/** The peer's version, or why it can't be used. */
export function peerVersion(name: PeerName): { readonly version: string } | { readonly problem: string } {
  try {
    const { status, stdout, stderr, error } = spawnSync(peerBinary(name), ["--version"], {
      encoding: "utf8",
      timeout: 10_000,
    })
    if (status === 0) return { version: stdout.split("\n")[0]?.trim() ?? "?" }
    return { problem: error?.message ?? (stderr.trim().split("\n")[0] || `it ends with ${status}`) }
  } catch (error) {
    return { problem: (error as Error).message }
  }
}
