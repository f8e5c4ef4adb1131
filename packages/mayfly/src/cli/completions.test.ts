import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { fileURLToPath } from "node:url"
import { complete } from "./complete.ts"
import { completions, type Shell, shells } from "./completions.ts"
import { createCommandLine } from "./program.ts"

const { program } = createCommandLine(process.stdout, process.stderr)

async function wordsAfter(...words: string[]): Promise<readonly string[]> {
  return (await complete(program, words)).map(([word]) => word)
}

test("complete knows commands, commands below them, options and choices, and leaves files and values to the shell", async () => {
  assert.deepEqual(await wordsAfter("le"), ["ledger"])
  assert.deepEqual(await wordsAfter("workflow", "re"), ["resume", "restart"])
  assert.deepEqual(await wordsAfter("workflow", "ls", "--st"), ["--status"])
  assert.deepEqual(await wordsAfter("ledger", "--profile", "ledger", "ver"), ["verify"])
  assert.deepEqual(await wordsAfter("run", "file.ts", "--lea"), ["--learn"])
  assert.deepEqual(await wordsAfter("completions", ""), ["bash", "zsh", "fish"])
  assert.deepEqual(await wordsAfter("completions", "zsh", ""), [])
  assert.deepEqual(await wordsAfter("run", "--input", ""), [])
  assert.deepEqual(await wordsAfter("run", ""), [])
  assert.deepEqual(await wordsAfter("frob", ""), program.commands.map((command) => command.name())) // oxfmt-ignore
})

test("complete names what nobody serves as nothing, at once", async () => {
  assert.deepEqual(await wordsAfter("workflow", "show", "--data", "/nowhere", ""), [])
  assert.deepEqual(await wordsAfter("workflow", "show", "--url", "no url", ""), [])
})

for (const shell of shells) {
  test(`completions for ${shell} are a script that ${shell} reads`, (context) => {
    if (!isInstalled(shell)) return context.skip(`${shell} is not installed`)
    const folder = mkdtempSync(join(tmpdir(), "mayfly-shell-"))
    const file = join(folder, "script")
    writeFileSync(file, completions[shell])
    const { stderr, status } = spawnSync(shell, ["-n", file], { encoding: "utf8" })
    rmSync(folder, { recursive: true })
    assert.deepEqual([stderr, status], ["", 0])
  })
}

test("bash completes what is typed, and evaluates none of it", () => {
  const bin = fileURLToPath(new URL("../../bin/mayfly.mjs", import.meta.url))
  const mayfly = `mayfly() { '${process.execPath}' --conditions=source --disable-warning=ExperimentalWarning '${bin}' "$@"; }`
  const line = `COMP_WORDS=(mayfly workflow 'st$(touch x)'); COMP_CWORD=2; _mayfly; echo "\${#COMPREPLY[@]}"; COMP_WORDS=(mayfly workflow st); _mayfly; printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout, stderr, status } = spawnSync(
    "bash",
    ["--norc", "-u", "-c", `${mayfly}\n${completions.bash}\n${line}`],
    {
      encoding: "utf8",
    },
  )
  assert.deepEqual([stdout, stderr, status], ["0\nstart\n", "", 0])
})

function isInstalled(shell: Shell): boolean {
  return spawnSync(shell, ["-c", "true"]).status === 0
}
