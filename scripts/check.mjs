// npm run check [-- --fix]: format, types, lint and the rules of this repository. One line per check.
import { spawn } from "node:child_process"
import { join } from "node:path"
import { ensureInstall, isMain, root } from "./ensure-install.mjs"

/** @typedef {{ readonly name: string, readonly command: readonly string[], readonly fix?: readonly string[] }} Check */

const modules = join(root, "node_modules")
const tsc = join(modules, "typescript", "bin", "tsc")
const oxlint = [join(modules, "oxlint", "bin", "oxlint"), "--format=unix"]
const oxfmt = join(modules, "oxfmt", "bin", "oxfmt")
/** @type {(name: string) => string[]} */
const script = (name) => ["--disable-warning=ExperimentalWarning", join(root, "scripts", name)]

const contract = join("contract", "check-contract.ts")

/**
 * Lint comes after types: its type-aware rules read what `tsc -b` emits.
 * @type {readonly Check[]}
 */
const checks = [
  { name: "format", command: [oxfmt, "--check"], fix: [oxfmt] },
  { name: "types", command: [tsc, "-b", root] },
  { name: "types of tests", command: [tsc, "-p", join(root, "tsconfig.test.json")] },
  { name: "lint", command: oxlint, fix: [...oxlint, "--fix"] },
  { name: "imports", command: script("check-imports.ts") },
  {
    name: "error table",
    command: script("check-errors.ts"),
    fix: [...script("check-errors.ts"), "--write"],
  },
  {
    name: "reference",
    command: ["--conditions=source", ...script("check-reference.ts")],
    fix: ["--conditions=source", ...script("check-reference.ts"), "--write"],
  },
  {
    name: "contract",
    command: ["--conditions=source", ...script(contract)],
    fix: ["--conditions=source", ...script(contract), "--write"],
  },
]

/**
 * Runs all checks, also after one has failed, and prints a line for each.
 * @param {{ fix?: boolean }} [options]
 * @returns {Promise<{ passed: number, failed: number }>}
 */
export async function check({ fix = false } = {}) {
  let failed = 0
  for (const { name, command, fix: fixing } of checks) {
    const started = Date.now()
    const { ok, output } = await run(fix ? (fixing ?? command) : command)
    console.log(`${ok ? "ok  " : "FAIL"} ${name} (${Date.now() - started} ms)`)
    if (!ok) {
      failed += 1
      console.log(output.trimEnd().replaceAll(/^/gm, "     "))
    }
  }
  return { passed: checks.length - failed, failed }
}

/**
 * @param {readonly string[]} args
 * @returns {Promise<{ ok: boolean, output: string }>}
 */
function run(args) {
  const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] })
  /** @type {Buffer[]} */
  const chunks = []
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => chunks.push(chunk))
  return new Promise((resolve, reject) => {
    child.once("error", reject)
    child.once("close", (code) => resolve({ ok: code === 0, output: Buffer.concat(chunks).toString() }))
  })
}

if (isMain(import.meta.url)) {
  await ensureInstall(import.meta.url)
  const { failed } = await check({ fix: process.argv.includes("--fix") })
  process.exitCode = failed === 0 ? 0 : 1
}
