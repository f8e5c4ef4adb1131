#!/usr/bin/env node
// Starts the command under a Node that is new enough. Runs under any Node from 18 on and imports nothing but Node.
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"

const minimumMajor = 24
const sourceFlags = ["--conditions=source", "--disable-warning=ExperimentalWarning"]
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const built = join(root, "dist", "cli", "main.js")
const source = join(root, "src", "cli", "main.ts")

// A checkout that was not built runs from its sources; they need flags, and so does whoever asked for them by flag.
const wantsSource = process.execArgv.includes("--conditions=source")
const isNew = Number(process.versions.node.split(".")[0]) >= minimumMajor && process.versions.bun === undefined
const fromSource = wantsSource || !existsSync(built)
const main = fromSource ? source : built

if (isNew && fromSource === wantsSource) await import(pathToFileURL(main).href)
else {
  const node = isNew ? process.execPath : findNode()
  if (node === undefined) fail()
  else start(node, [...(fromSource ? sourceFlags : []), main, ...process.argv.slice(2)])
}

/** The Node that npm installed beside us. */
function findNode() {
  const { platform, arch } = process
  const name = platform === "darwin" ? `node-bin-darwin-${arch}` : `node-${platform}-${arch}`
  try {
    const path = join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), "bin", "node")
    return existsSync(path) ? path : undefined
  } catch {
    return undefined
  }
}

function fail() {
  const { platform, arch, version } = process
  console.error(
    `mayfly needs Node ${minimumMajor} or later; this is ${version}, and none came with the install for ${platform}-${arch}.`,
  )
  process.exitCode = 1
}

function start(node, args) {
  // The channel carries nothing. It tells the command that we are gone when nobody could say so: we were killed.
  const child = spawn(node, args, { stdio: ["inherit", "inherit", "inherit", "ipc"] })
  // A terminal sends Ctrl-C to both of us, `kill` only to us; the command takes two signals at once for one.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"]) process.on(signal, () => child.kill(signal))
  child.once("error", (error) => {
    console.error(`mayfly: ${error.message}`)
    process.exitCode = 1
  })
  child.once("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}
