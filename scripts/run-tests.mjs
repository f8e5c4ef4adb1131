import { globSync } from "node:fs"
import { availableParallelism } from "node:os"
import { join, relative } from "node:path"
import { run } from "node:test"
import { inspect } from "node:util"
import { root } from "./ensure-install.mjs"

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */
/** @typedef {import("node:test").EventData.TestFail} Failure */

const flags = ["--conditions=source", "--disable-warning=ExperimentalWarning"]
// Each file is a process, and most of them load the same sources: half of their CPU time went into compiling those.
process.env["NODE_COMPILE_CACHE"] ??= join(root, "node_modules", ".cache", "mayfly-compiled")
// Many tests wait more than they compute.
const lanes = availableParallelism() + 1

/**
 * Test files relative to the checkout, in a stable order.
 * @param {{ full: boolean, filters: readonly string[] }} options `full` adds the slow ones (*.full.test.ts); filters
 *   are parts of paths, none means all
 */
export function findTests({ full, filters }) {
  const wanted = filters.map((path) => (path.startsWith("/") ? relative(root, path) : path.replace(/^\.\//, "")))
  return globSync(["packages/*/src/**/*.test.ts", "scripts/*.test.ts", "test/**/*.test.ts"], { cwd: root })
    .filter((file) => full || !file.endsWith(".full.test.ts"))
    .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
    .sort()
}

/**
 * Runs test files in processes of their own, one more at a time than there are processors. Prints a line per file and every failure in full.
 * Ctrl-C ends the processes that run and this one.
 * @param {readonly string[]} files relative to the checkout
 * @param {{ timeoutMs: number }} options the longest that one test, or one file, may take
 * @returns {Promise<Counts>}
 */
export async function runTests(files, { timeoutMs }) {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  const abort = new AbortController()
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => interrupt(abort))
  const waiting = [...files]
  const lane = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const found = await runFile(file, timeoutMs, abort.signal)
      counts.passed += found.passed
      counts.failed += found.failed
      counts.skipped += found.skipped
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  return counts
}

/**
 * @param {string} file
 * @param {number} timeoutMs
 * @param {AbortSignal} interrupted
 * @returns {Promise<Counts>}
 */
async function runFile(file, timeoutMs, interrupted) {
  // The runner's own timeout fails the test and then waits for its process, which something left open may keep alive.
  const late = AbortSignal.timeout(timeoutMs + 5000)
  const signal = AbortSignal.any([late, interrupted])
  const stream = run({ files: [join(root, file)], cwd: root, timeout: timeoutMs, execArgv: flags, signal })
  const counts = { passed: 0, failed: 0, skipped: 0 }
  const started = Date.now()
  /** @type {string[]} */
  const names = []
  for await (const event of stream) report(event, names, counts)
  if (late.aborted) console.log(`FAIL ${file}: its process had to be killed; a test leaves something open`)
  const more = [
    counts.failed > 0 ? `, ${counts.failed} failed` : "",
    counts.skipped > 0 ? `, ${counts.skipped} skipped` : "",
  ]
  console.log(
    `${counts.failed > 0 ? "FAIL" : "ok  "} ${file}: ${counts.passed} passed${more.join("")} (${Date.now() - started} ms)`,
  )
  return counts
}

/** @param {AbortController} abort */
function interrupt(abort) {
  abort.abort()
  console.log("interrupted")
  // The runner sends its children SIGTERM on abort; a little later all of them had their chance.
  setTimeout(() => process.exit(130), 500)
}

/**
 * @param {import("node:test/reporters").TestEvent} event
 * @param {string[]} names the path of open tests, for failures inside suites
 * @param {Counts} counts
 */
function report(event, names, counts) {
  switch (event.type) {
    case "test:start":
      names.splice(event.data.nesting, names.length, event.data.name)
      return
    case "test:fail":
      printFailure(event.data, names)
      return
    case "test:stdout":
    case "test:stderr":
      process.stdout.write(event.data.message)
      return
    case "test:summary":
      if (event.data.file === undefined) add(event.data.counts, counts)
      return
    default:
  }
}

/**
 * @param {import("node:test").EventData.TestSummary["counts"]} found
 * @param {Counts} counts
 */
function add(found, counts) {
  const skipped = found.skipped + found.todo
  counts.passed += found.passed
  counts.skipped += skipped
  // Whatever neither passed nor was skipped: failed or cancelled.
  counts.failed += found.tests - found.passed - skipped
}

/**
 * @param {Failure} failure
 * @param {readonly string[]} path
 */
function printFailure({ name, nesting, details, file, line }, path) {
  // A suite fails because something inside it did, which has been printed.
  if ("failureType" in details.error && details.error.failureType === "subtestsFailed") return
  const where = file === undefined ? "" : ` (${file.slice(root.length + 1)}${line === undefined ? "" : `:${line}`})`
  console.log(`FAIL ${[...path.slice(0, nesting), name].join(" > ")}${where}`)
  console.log(describe(details.error.cause ?? details.error).replaceAll(/^/gm, "     "))
}

/** @param {unknown} error */
function describe(error) {
  // The message of an assertion is its difference; its fields would show both values again.
  if (error instanceof Error && "code" in error && error.code === "ERR_ASSERTION") return error.stack ?? error.message
  return typeof error === "string" ? error : inspect(error, { depth: 6 })
}
