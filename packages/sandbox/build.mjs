// Bundles the agents, which run inside of sandboxes, into files, and puts the interpreters' runners beside it.
import { build } from "esbuild"
import { copyFileSync, mkdirSync, rmSync } from "node:fs"
import { fileURLToPath } from "node:url"

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

export async function buildSandbox() {
  // A file that an earlier build left must not stand in for one that this build no longer makes.
  for (const folder of ["dist/agent-files", "dist/virtual-files"])
    rmSync(here(folder), { recursive: true, force: true })
  mkdirSync(here("dist/agent-files"), { recursive: true })
  await build({
    entryPoints: [here("src/agent/main.ts")],
    outfile: here("dist/agent-files/agent.cjs"),
    bundle: true,
    platform: "node",
    target: "node24",
    format: "cjs",
    conditions: ["source"],
    logLevel: "warning",
  })
  mkdirSync(here("dist/virtual-files"), { recursive: true })
  for (const [entry, name] of [
    ["main", "agent"],
    ["command-thread", "command-thread"],
  ])
    await build({
      entryPoints: [here(`src/virtual-agent/${entry}.ts`)],
      outfile: here(`dist/virtual-files/${name}.mjs`),
      bundle: true,
      platform: "node",
      target: "node24",
      format: "esm",
      conditions: ["source"],
      logLevel: "warning",
    })
  for (const name of ["run-python.py", "run-javascript.mjs"])
    copyFileSync(here(`src/agent/${name}`), here(`dist/agent-files/${name}`))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildSandbox()
