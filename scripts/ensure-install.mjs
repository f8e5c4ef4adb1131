// Runs on any Node from 18 and without dependencies: on a fresh checkout it is the first thing that happens.
import { spawn, spawnSync } from "node:child_process"
import { existsSync, readFileSync, realpathSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

/** The checkout. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/**
 * Installs what the lock file asks for and moves the calling script to the Node that the install brought. Awaited as
 * the first statement of a script, before it imports any dependency; returns only under a Node that can run Mayfly.
 * @param {string} scriptUrl `import.meta.url` of the script
 */
export async function ensureInstall(scriptUrl) {
  if (!isInstalled(root)) install()
  const node = installedNode(root)
  if (node === null || isRunning(node)) return
  const script = fileURLToPath(scriptUrl)
  process.exit(await runInherited(node, [...process.execArgv, script, ...process.argv.slice(2)]))
}

/**
 * True when every package of package-lock.json is in node_modules with its version. Contents and not times are
 * compared: a checkout of another branch touches files without changing them, and `npm ci` starts by deleting.
 * @param {string} directory
 */
export function isInstalled(directory) {
  const hidden = join(directory, "node_modules", ".package-lock.json")
  if (!existsSync(hidden)) return false
  const installed = readLock(hidden)
  return Object.entries(readLock(join(directory, "package-lock.json"))).every(([path, wanted]) => {
    if (!path.includes("node_modules/")) return true
    const found = installed[path]
    // An optional package may be meant for another platform.
    if (found === undefined) return wanted.optional === true
    return found.version === wanted.version && found.integrity === wanted.integrity
  })
}

/**
 * The Node that npm installed, else the running one when it is new enough, else null after saying what to do.
 * @param {string} directory
 */
export function installedNode(directory) {
  const installed = join(directory, "node_modules", ".bin", "node")
  if (existsSync(installed)) return installed
  if (Number(process.versions.node.split(".")[0]) >= 24) return process.execPath
  console.error(`Node ${process.versions.node} is too old for Mayfly, and no Node >= 24 could be installed here.`)
  process.exit(1)
}

/**
 * True when node was started with this file.
 * @param {string} scriptUrl `import.meta.url` of the file
 */
export function isMain(scriptUrl) {
  const started = process.argv[1]
  return started !== undefined && realpathSync(started) === fileURLToPath(scriptUrl)
}

/**
 * Runs a program on our terminal and gives its exit code. Signals that we get are passed on, and we wait for its end.
 * @param {string} command
 * @param {readonly string[]} args
 * @returns {Promise<number>}
 */
export function runInherited(command, args) {
  const child = spawn(command, args, { stdio: "inherit", cwd: process.cwd() })
  /** @type {(signal: NodeJS.Signals) => void} */
  const forward = (signal) => {
    // Ctrl-C in a terminal reaches the whole process group; the child must not see it twice.
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal)
  }
  for (const signal of signals) process.on(signal, forward)
  return new Promise((resolve, reject) => {
    child.once("error", reject)
    child.once("exit", (code, signal) => {
      for (const name of signals) process.off(name, forward)
      resolve(signal === null ? (code ?? 1) : 128 + (signal === "SIGINT" ? 2 : 15))
    })
  })
}

/** @type {readonly NodeJS.Signals[]} */
const signals = ["SIGINT", "SIGTERM", "SIGHUP"]

function install() {
  const started = Date.now()
  console.log("installing dependencies (npm ci) …")
  const first = npm("ci")
  // npm ci refuses a lock file that lacks optional packages of other platforms, as one made against a partial mirror
  // does. A plain install takes what is locked all the same, and with --no-save it leaves the lock file alone.
  const last = first === null ? null : npm("install", "--no-save")
  if (last !== null) {
    console.error(`${first}\n${last}\nDependencies could not be installed; npm's messages are above.`)
    process.exit(1)
  }
  console.log(`installed in ${((Date.now() - started) / 1000).toFixed(1)} s`)
}

/**
 * @param {readonly string[]} args
 * @returns {string | null} npm's messages when it failed
 */
function npm(...args) {
  // npm_execpath is the npm that started us, which need not be the first one on the path.
  const running = process.env.npm_execpath
  const [command, before] = running?.endsWith(".js") ? [process.execPath, [running]] : ["npm", []]
  const all = [...before, ...args, "--no-progress", "--loglevel=error"]
  const { status, stderr, error } = spawnSync(command, all, {
    cwd: root,
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
  })
  return status === 0 ? null : (error?.message ?? stderr)
}

/** @param {string} node */
function isRunning(node) {
  return realpathSync(node) === realpathSync(process.execPath)
}

/**
 * @param {string} path
 * @returns {Record<string, { version?: string, integrity?: string, optional?: boolean }>}
 */
function readLock(path) {
  return JSON.parse(readFileSync(path, "utf8")).packages
}
