import { execFileSync } from "node:child_process"
import { existsSync, realpathSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { MayflyError } from "@mayfly/protocol"

const require = createRequire(import.meta.url)
const minimumMajor = 24

/** Files that a child process may see, and nothing else. */
export interface RuntimeFiles {
  readonly node: string
  readonly host: string
  readonly compiler: string
  readonly storage: string
  readonly bundle: string
  /** isolated-vm's native library for that Node. */
  readonly addon: string
  /** Packages that the compiler loads. */
  readonly compilerPackages: readonly string[]
}

/** Finds everything that child processes need. Throws `platform.no-host` saying what is missing. */
export function findRuntimeFiles(): RuntimeFiles {
  const dist = distFolder()
  const node = findNode()
  const files = {
    node,
    host: join(dist, "host.cjs"),
    compiler: join(dist, "compiler.mjs"),
    storage: join(dist, "storage.cjs"),
    bundle: join(dist, "guest.json"),
  }
  if (!existsSync(files.host))
    throw missing(`the runtime is not built: ${files.host} does not exist; run npm run build`)
  return { ...files, addon: findAddon(node), compilerPackages: compilerPackages() }
}

/** The same whether this file runs from `src` or from `dist`. */
function distFolder(): string {
  return join(dirname(fileURLToPath(import.meta.url)), "..", "..", "dist")
}

/** The user's own Node when it is new enough, else the one that came with the install. */
export function findNode(): string {
  if (Number(process.versions.node.split(".")[0]) >= minimumMajor && !process.versions["bun"]) return process.execPath
  const platform =
    process.platform === "darwin" ? `node-bin-darwin-${process.arch}` : `node-${process.platform}-${process.arch}`
  try {
    return realpathSync(join(dirname(require.resolve(`${platform}/package.json`)), "bin", "node"))
  } catch (cause) {
    throw missing(`Node ${minimumMajor} or later is needed and ${platform} is not installed`, cause)
  }
}

function findAddon(node: string): string {
  const root = dirname(require.resolve("isolated-vm/package.json"))
  const abi = node === process.execPath ? process.versions.modules : abiOf(node)
  const folder = join(root, "prebuilds", `${process.platform}-${process.arch}`)
  const names = [`isolated-vm.abi${abi}.glibc.node`, `isolated-vm.abi${abi}.musl.node`, `isolated-vm.abi${abi}.node`]
  const [first, second] = isMusl() ? [names[1], names[0]] : [names[0], names[1]]
  for (const name of [first, names[2], second]) {
    const path = join(folder, name ?? "")
    if (existsSync(path)) return path
  }
  const built = join(root, "build", "Release", "isolated_vm.node")
  if (existsSync(built)) return built
  throw missing(`isolated-vm has no library for this Node (ABI ${abi}) on ${process.platform}-${process.arch}`)
}

function abiOf(node: string): string {
  return execFileSync(node, ["-p", "process.versions.modules"], { encoding: "utf8", env: {} }).trim()
}

function isMusl(): boolean {
  return process.platform === "linux" && existsSync("/etc/alpine-release")
}

/** The parsers are packages with native parts that lie beside them. */
function compilerPackages(): string[] {
  return ["oxc-parser", "oxc-transform"].flatMap((name) => {
    const root = packageRoot(require.resolve(name), name)
    return [root, join(dirname(root), `@${name}`)].filter((path) => existsSync(path))
  })
}

function packageRoot(entry: string, name: string): string {
  return entry.slice(0, entry.lastIndexOf(`node_modules/${name}/`) + `node_modules/${name}`.length)
}

function missing(message: string, cause?: unknown): MayflyError {
  return new MayflyError("platform.no-host", message, { cause, retry: false })
}
