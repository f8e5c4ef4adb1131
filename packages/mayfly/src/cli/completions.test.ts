import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { test } from "node:test"
import { completions, type Shell, shells } from "./completions.ts"
import { createCommandLine } from "./program.ts"

const { program } = createCommandLine(process.stdout, process.stderr)

test("completions complete commands, commands below them and options in bash", () => {
  const script = completions(program, "bash")
  const complete = (...words: string[]): string[] => {
    const line = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}; _mayfly; printf '%s\\n' "\${COMPREPLY[@]}"`
    const { stdout, stderr, status } = spawnSync("bash", ["--norc", "-u", "-c", `${script}\n${line}`], {
      encoding: "utf8",
    })
    assert.deepEqual([stderr, status], ["", 0])
    return stdout.split("\n").filter((word) => word !== "")
  }
  assert.deepEqual(complete("mayfly", "le"), ["ledger"])
  assert.deepEqual(complete("mayfly", "workflow", "re"), ["resume", "restart"].toSorted().toReversed())
  assert.deepEqual(complete("mayfly", "workflow", "ls", "--st"), ["--status"])
  assert.deepEqual(complete("mayfly", "ledger", "--profile", "ledger", "ver"), ["verify"])
  assert.deepEqual(complete("mayfly", "run", "file.ts", "--lea"), ["--learn"])
  // A value, and a file: the shell's own completion does these.
  assert.deepEqual(complete("mayfly", "run", "--input", ""), [])
  assert.deepEqual(complete("mayfly", "run", ""), [])
})

for (const shell of shells) {
  test(`completions for ${shell} are a script that ${shell} reads, and name all commands`, (context) => {
    const script = completions(program, shell)
    for (const name of program.commands.flatMap(({ commands }) => commands.map((command) => command.name())))
      assert.ok(script.includes(name), name)
    if (!isInstalled(shell)) return context.skip(`${shell} is not installed`)
    const { stderr, status } = spawnSync(shell, ["-n"], { encoding: "utf8", input: script })
    assert.deepEqual([stderr, status], ["", 0])
  })
}

function isInstalled(shell: Shell): boolean {
  return spawnSync(shell, ["-c", "true"]).status === 0
}
