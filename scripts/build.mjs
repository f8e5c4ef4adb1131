// Compiles every package and bundles what runs inside host processes. A second call with nothing changed does nothing.
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { ensureInstall, isMain, root, runInherited } from "./ensure-install.mjs"

const stamp = join(root, "node_modules", ".cache", "mayfly", "build")

/**
 * Builds when something changed since the last build, and says so on one line. False when it failed.
 * @returns {Promise<boolean>}
 */
export async function build() {
  const started = Date.now()
  const before = fingerprint()
  if (isFresh(before)) {
    console.log("build: up to date")
    return true
  }
  for (const args of steps()) {
    if ((await runInherited(process.execPath, args)) !== 0) {
      console.error("build: failed; see the lines above")
      return false
    }
  }
  mkdirSync(dirname(stamp), { recursive: true })
  // Taken before the build: a file that changed meanwhile makes the next build do its work again.
  writeFileSync(stamp, before)
  console.log(`build: done in ${((Date.now() - started) / 1000).toFixed(1)} s`)
  return true
}

function steps() {
  const compile = [join(root, "node_modules", "typescript", "bin", "tsc"), "-b", root]
  const bundles = ["runtime", "sandbox", "server"].map((name) => join(root, "packages", name, "build.mjs"))
  return [compile, ...bundles.filter((path) => existsSync(path)).map((path) => [path])]
}

/** @param {string} current */
function isFresh(current) {
  return existsSync(stamp) && readFileSync(stamp, "utf8") === current && packages().every(hasOutput)
}

/** @param {string} directory */
function hasOutput(directory) {
  return !existsSync(join(directory, "src", "index.ts")) || existsSync(join(directory, "dist", "index.js"))
}

/** Names, sizes and times of all inputs. The newest time alone would miss a file that was deleted. */
function fingerprint() {
  const hash = createHash("sha256")
  for (const path of inputs()) {
    const { mtimeMs, size } = statSync(path)
    hash.update(`${path}\0${mtimeMs}\0${size}\n`)
  }
  return hash.digest("hex")
}

function inputs() {
  const own = ["package-lock.json", "tsconfig.json", "tsconfig.base.json", "scripts/build.mjs"]
  return [...own.map((name) => join(root, name)), ...packages().flatMap(inputsOf)].filter((path) => existsSync(path))
}

/** @param {string} directory */
function inputsOf(directory) {
  const own = ["package.json", "tsconfig.json", "build.mjs"].map((name) => join(directory, name))
  const sources = join(directory, "src")
  if (!existsSync(sources)) return own
  const files = readdirSync(sources, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".test.ts"))
    .map((entry) => join(entry.parentPath, entry.name))
  return [...own, ...files.sort()]
}

function packages() {
  const folder = join(root, "packages")
  return readdirSync(folder)
    .sort()
    .map((name) => join(folder, name))
}

if (isMain(import.meta.url)) {
  await ensureInstall(import.meta.url)
  process.exit((await build()) ? 0 : 1)
}
