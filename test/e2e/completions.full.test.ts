import assert from "node:assert/strict"
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, test } from "node:test"
import { fileURLToPath } from "node:url"
import { startMayfly } from "./mayfly-process.ts"

const folder = mkdtempSync(join(tmpdir(), "mayfly-completions-"))
const bin = fileURLToPath(new URL("../../packages/mayfly/bin/mayfly.mjs", import.meta.url))
const env = {
  ...process.env,
  HOME: folder,
  XDG_CONFIG_HOME: folder,
  TERM: "dumb",
  PATH: `${folder}:${process.env["PATH"]}`,
}
const server = startMayfly(["serve", "--port", "0", "--data", join(folder, ".mayfly")])

before(async () => {
  // As a user has it: one word on the path.
  const line = `exec '${process.execPath}' --conditions=source --disable-warning=ExperimentalWarning '${bin}' "$@"`
  writeFileSync(join(folder, "mayfly"), `#!/bin/sh\n${line}\n`, { mode: 0o755 })
  writeFileSync(join(folder, "wait.json"), '{ "steps": [{ "name": "ask", "waitForEvent": "answer" }] }')
  writeFileSync(join(folder, "only-file.ts"), "return 1")
  await server.output(/serving at/)
  for (const id of ["refund-7", "refund-8"]) assert.equal(run(["workflow", "start", "wait.json", "--id", id]).status, 0)
})

after(async () => {
  server.child.kill("SIGTERM")
  await server.finished
  rmSync(folder, { recursive: true })
})

function run(args: readonly string[]): ReturnType<typeof spawnSync> {
  return spawnSync(join(folder, "mayfly"), args, { cwd: folder, env, encoding: "utf8" })
}

/** A shell on a terminal, at which somebody types. */
class Typist {
  readonly #child: ChildProcess
  #shown = ""

  constructor(command: string) {
    this.#child = spawn("script", ["-qec", `stty cols 200; exec ${command}`, "/dev/null"], { cwd: folder, env })
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.#shown += text))
  }

  /** What is shown from now on, until it matches. */
  async type(keys: string, until: RegExp): Promise<string> {
    this.#shown = ""
    this.#child.stdin?.write(keys)
    const late = AbortSignal.timeout(30_000)
    for (;;) {
      const found = until.exec(this.#shown)
      if (found !== null) return found[0]
      await new Promise((resolve, reject) => {
        this.#child.stdout?.once("data", resolve)
        late.addEventListener("abort", () => reject(new Error(`no ${String(until)} in ${JSON.stringify(this.#shown)}`)))
      })
    }
  }

  async end(): Promise<void> {
    this.#child.kill("SIGKILL")
    await new Promise((resolve) => this.#child.once("close", resolve))
  }
}

const starts = {
  bash: ["bash --norc -i", "bind 'set bell-style none'; source <(mayfly completions bash); PS1='re''ady '\n"],
  zsh: [
    "zsh -f -i",
    "unsetopt beep; autoload -Uz compinit; compinit -u -D; source <(mayfly completions zsh); PS1='re''ady '\n",
  ],
} as const

for (const shell of ["bash", "zsh"] as const) {
  test(`completions complete at the terminal of ${shell}: commands, options, ids of the server, and files`, async (context) => {
    if (spawnSync(shell, ["-c", "true"]).status !== 0) return context.skip(`${shell} is not installed`)
    const typist = new Typist(starts[shell][0])
    try {
      await typist.type(starts[shell][1], /ready /)
      await typist.type("mayfly workfl\t", /workflow /)
      await typist.type("sh\t", /show /)
      await typist.type("ref\t", /refund-/)
      await typist.type("7 --js\t", /--json /)
      await typist.type("\u0015mayfly run only\t", /only-file\.ts/)
    } finally {
      await typist.end()
    }
  })
}

test("completions complete in fish: commands with what they mean, options, ids of the server, and files", (context) => {
  if (spawnSync("fish", ["-c", "true"]).status !== 0) return context.skip("fish is not installed")
  const kept = join(folder, "fish", "completions")
  mkdirSync(kept, { recursive: true })
  writeFileSync(join(kept, "mayfly.fish"), String(run(["completions", "fish"]).stdout))
  const complete = (line: string): string => {
    const { stdout, stderr } = spawnSync("fish", ["-c", `complete -C '${line}'`], {
      cwd: folder,
      env,
      encoding: "utf8",
    })
    assert.equal(stderr, "")
    return stdout
  }
  assert.equal(complete("mayfly workfl"), "workflow\tstart durable workflows, look at them, steer them\n")
  assert.equal(complete("mayfly workflow show ref"), "refund-7\twaiting\nrefund-8\twaiting\n")
  assert.match(complete("mayfly run x --le"), /^--learn\t/)
  assert.match(complete("mayfly run only"), /^only-file\.ts/)
})
