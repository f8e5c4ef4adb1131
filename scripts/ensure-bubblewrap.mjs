import { spawnSync } from "node:child_process"

/** Installs bubblewrap where root may do so; else says which tests will be skipped for want of it. Never fails. */
export function ensureBubblewrap() {
  if (process.platform !== "linux" || isThere()) return
  const problem = process.getuid?.() === 0 ? installWithApt() : "installing it needs root"
  if (problem !== null) {
    console.log(`bubblewrap (bwrap) is missing and ${problem}: tests that need it are skipped.`)
  }
}

function isThere() {
  return spawnSync("bwrap", ["--version"], { stdio: "ignore" }).status === 0
}

/** @returns {string | null} what went wrong */
function installWithApt() {
  console.log("installing bubblewrap (apt-get) …")
  for (const args of [
    ["update", "-qq"],
    ["install", "-y", "-qq", "--no-install-recommends", "bubblewrap"],
  ]) {
    const { error, status, stderr } = spawnSync("apt-get", args, {
      stdio: ["ignore", "ignore", "pipe"],
      encoding: "utf8",
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      timeout: 180_000,
    })
    if (error !== undefined) return `apt-get could not be run (${error.message})`
    if (status !== 0) return `apt-get ${args[0]} failed (${stderr.trim().split("\n").at(-1) ?? status})`
  }
  return isThere() ? null : "it does not run after its installation"
}
