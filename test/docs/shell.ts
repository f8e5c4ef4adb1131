import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { mayflyHere } from "../e2e/mayfly-here.ts"
import { mayfly } from "../e2e/mayfly-process.ts"
import { parseCommand } from "./parse-command.ts"
import { root } from "./read-fences.ts"

export interface Shell extends AsyncDisposable {
  /** Runs a fence in the current folder and gives its stdout. Rejects when a line fails. With `isShown` nothing but our own commands is looked at, and nothing is carried out. */
  run(script: string, isShown: boolean): Promise<string>
}

/**
 * A bash in which `mayfly` is carried out by this process: a process for each command would take minutes. `npm` and `node` are never run: their script has to be there.
 * `folder` is for what the two tell each other.
 */
export async function createShell(folder: string): Promise<Shell> {
  let isShown = false
  const server = createServer((request, response) => {
    const call = join(folder, (request.url ?? "").slice(1))
    const [name = "", ...args] = readFileSync(`${call}.args`, "utf8").split("\0").slice(0, -1)
    const failed = (error: unknown): Done => said(String(error))
    void carryOut({ name, args, call, isShown })
      .catch(failed)
      .then(({ code, stdout, stderr }) => {
        writeFileSync(`${call}.out`, stdout)
        writeFileSync(`${call}.err`, stderr)
        response.end(String(code))
      })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  const functions = join(folder, "functions.sh")
  writeFileSync(functions, functionsText(folder, port))
  return {
    async run(script, shown) {
      isShown = shown
      const env = { ...process.env, BASH_ENV: functions, ...(shown ? { SHOWN: "1" } : {}) }
      const bash = spawn("bash", ["-c", script], { env, stdio: ["ignore", "pipe", "pipe"] })
      const [stdout, stderr, [code]] = await Promise.all([text(bash.stdout), text(bash.stderr), once(bash, "close")])
      if (code !== 0) throw new Error(`exit code ${String(code)}\n${stdout}${stderr}`)
      return stdout
    },
    async [Symbol.asyncDispose]() {
      server.close()
      await once(server, "close")
    },
  }
}

interface Call {
  readonly name: string
  readonly args: readonly string[]
  /** Where its stdin is, when it reads one. */
  readonly call: string
  readonly isShown: boolean
}

interface Done {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Commands that have no end, want a terminal, reach the network, or take seconds (the doctor, who has tests of his own); and arguments that stand for something of the reader's. */
const onlyParsed = /^(?:serve|mcp|doctor|sandbox sh|run .*--(?:learn|watch))\b/
const placeholder = /…|^[A-Z]+(?::[A-Z]+)?$/

async function carryOut({ name, args, call, isShown }: Call): Promise<Done> {
  if (name === "npm") return said(npmProblem(args))
  if (name === "node") return said(existsSync(join(root, args[0] ?? "")) ? "" : `there is no ${args[0]}`)
  const problem = parseCommand(args)
  if (problem !== "" || isShown || onlyParsed.test(args.join(" ")) || args.some((arg) => placeholder.test(arg)))
    return said(problem)
  const { code, stdout, stderr } = readsStdin(args)
    ? await mayfly(args, { input: readFileSync(`${call}.in`, "utf8"), cwd: process.cwd() })
    : await mayflyHere(args)
  if (args[0] === "workflow" && args[1] === "start") await settled()
  return { code: code ?? 1, stdout, stderr }
}

/** A reader types the next line when the workflow has come to where it waits, or to its end. */
async function settled(): Promise<void> {
  const { stdout } = await mayflyHere(["workflow", "ls", "--json"])
  if (/"status":"(?:queued|running)"/.test(stdout)) await settled()
}

function readsStdin(args: readonly string[]): boolean {
  return args.includes("-") || args[0] === "login" || (args[0] === "secrets" && args[1] === "set")
}

function said(problem: string): Done {
  return { code: problem === "" ? 0 : 2, stdout: "", stderr: problem }
}

/** `npm run bench -- NAME`: the bench has to be there too. */
function npmProblem([command = "", ...args]: readonly string[]): string {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    scripts: Record<string, string>
  }
  const name = command === "run" ? (args[0] ?? "") : command
  if (["ci", "install"].includes(name)) return ""
  if (!(name in scripts)) return `there is no script "${name}"`
  const [bench] = args.slice(2)
  return name !== "bench" || bench === undefined || existsSync(join(root, "bench", `${bench}.ts`))
    ? ""
    : `no bench "${bench}"`
}

function functionsText(folder: string, port: number): string {
  return `
set -eEo pipefail
trap 'echo "failed: $BASH_COMMAND" >&2' ERR
CURL=$(type -P curl) MKTEMP=$(type -P mktemp) CAT=$(type -P cat)
ask() {
  local call code
  call=$("$MKTEMP" -p '${folder}')
  "$CAT" > "$call.in"
  printf '%s\\0' "$@" > "$call.args"
  code=$("$CURL" -sS "http://127.0.0.1:${port}/\${call##*/}")
  "$CAT" "$call.out"
  "$CAT" "$call.err" >&2
  return "$code"
}
mayfly() { ask mayfly "$@"; }
npm() { ask npm "$@"; }
node() { ask node "$@"; }
curl() { "$CURL" -sS --fail-with-body "$@"; }
if [ -n "$SHOWN" ]; then
  # What is not ours is not found, and that is no failure.
  PATH=/nowhere
  command_not_found_handle() { :; }
  cd() { :; }
fi
`
}
