// npm test [-- [--full] [PATH…]]: all checks and all tests; with paths only the test files whose path contains one.
import { build } from "./build.mjs"
import { check } from "./check.mjs"
import { ensureBubblewrap } from "./ensure-bubblewrap.mjs"
import { ensureInstall } from "./ensure-install.mjs"

await ensureInstall(import.meta.url)
// Loaded late: it needs a newer Node than the one that may have started us.
const { findTests, runTests } = await import("./run-tests.mjs")

const args = process.argv.slice(2)
const full = args.includes("--full")
// Sampled tests take everything then.
if (full) process.env["MAYFLY_FULL"] = "1"
const filters = args.filter((arg) => !arg.startsWith("--"))
const files = findTests({ full, filters })

const seed = process.env.MAYFLY_SEED ?? String(Math.floor(Math.random() * 2 ** 31))
process.env.MAYFLY_SEED = seed
ensureBubblewrap()

const counts = { passed: 0, failed: 0, skipped: 0 }
if (await build()) {
  // Commands that tests start are the built ones.
  process.env["MAYFLY_TEST_BUILT"] = "1"
  add(filters.length === 0 ? await check() : {})
} else counts.failed += 1
console.log(`seed: ${seed} (MAYFLY_SEED=${seed} repeats it)`)

// A build that failed is no reason to hide what the tests say: most of them run on sources.
add(await runTests(files, { timeoutMs: full ? 900_000 : 120_000 }))
if (files.length === 0) console.log("no test file matches")
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
process.exit(counts.failed === 0 && files.length > 0 && counts.passed > 0 ? 0 : 1)

/** @param {Partial<typeof counts>} more */
function add({ passed = 0, failed = 0, skipped = 0 }) {
  counts.passed += passed
  counts.failed += failed
  counts.skipped += skipped
}
