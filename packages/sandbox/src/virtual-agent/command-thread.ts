// A thread that runs commands, one after the other, in just-bash. What a command leaves in its memory is gone with the command; files stay.
import { randomBytes } from "node:crypto"
import { parentPort, workerData } from "node:worker_threads"
import type * as JustBash from "just-bash"
import type { Bash, BashExecResult, IFileSystem } from "just-bash"
import type { CommandJob, CommandOutcome, FromThread, ThreadOptions, ToThread } from "./command-job.ts"
import { functionsIn } from "./functions-in.ts"
import { isPlainPipeline } from "./is-plain-pipeline.ts"
import { realFolders } from "./place-operation.ts"
import { ThreadRequests } from "./thread-requests.ts"

const { root, justBash, memoryMb } = workerData as ThreadOptions
// It is found by the supervisor, where it was installed; this process may read no other place.
const library = (await import(justBash)) as typeof JustBash
const tell = (message: FromThread, moved: readonly ArrayBuffer[] = []): void =>
  parentPort?.postMessage(message, [...moved])
const requests = new ThreadRequests(tell)
const mebibyte = 1_048_576
/** What is kept of a shell's variables and functions. */
const maxStateLength = 4 * mebibyte
let abort = new AbortController()

parentPort?.on("message", (message: ToThread) => {
  switch (message.kind) {
    case "run":
      abort = new AbortController()
      run(message.job).then(
        (outcome) => tell({ kind: "done", outcome }),
        (error: unknown) => tell({ kind: "failed", message: String((error as Error).message) }),
      )
      break
    case "abort":
      abort.abort()
      break
    case "answer":
      requests.answer(message.id, message.response)
      break
    case "refused":
      requests.refuse(message.id, message.message)
      break
  }
})
tell({ kind: "ready" })

async function run(job: CommandJob): Promise<CommandOutcome> {
  // Random, so that a command does not take it for a file of its own.
  const folder = `/.run-${randomBytes(6).toString("hex")}`
  const files = fileSystem()
  await files.mkdir(folder)
  if (job.shell !== undefined) await files.writeFile(`${folder}/before`, job.shell.variables)
  const bash = new library.Bash({
    fs: files,
    cwd: job.cwd,
    env: job.env,
    fetch: requests.fetch,
    processInfo: { pid: 2, ppid: 1, uid: 1_000, gid: 1_000 },
    executionLimits: { maxStringLength: (memoryMb * mebibyte) / 8, maxFileSystemBytes: (memoryMb * mebibyte) / 4 },
  })
  const result = await execute(bash, job, folder)
  return outcomeOf(result, job, { files, folder })
}

/** Output goes through files: of a plain pipeline bytes stay as they are there, of anything else what is text. */
async function execute(
  bash: Bash,
  { command, cwd, stdin, shell }: CommandJob,
  folder: string,
): Promise<BashExecResult> {
  const output = `>${folder}/out 2>${folder}/err`
  const group = isPlainPipeline(library, command) ? `${command} ${output}` : `{ :\n${command}\n} ${output}`
  const script =
    shell === undefined
      ? group
      : [
          ...shell.functions.map(([, text]) => text),
          `. ${folder}/before 2>/dev/null`,
          group,
          `__mayfly_code=$?`,
          `{ declare -p; set +o; shopt -p; } >${folder}/after 2>/dev/null`,
          `pwd >${folder}/cwd`,
          `declare -F >${folder}/functions 2>/dev/null`,
          `exit $__mayfly_code`,
        ].join("\n")
  return bash.exec(script, {
    cwd,
    stdin: Buffer.from(stdin).toString("latin1"),
    stdinKind: "bytes",
    signal: abort.signal,
    rawScript: true,
  })
}

interface Place {
  readonly files: IFileSystem
  readonly folder: string
}

async function outcomeOf(result: BashExecResult, job: CommandJob, { files, folder }: Place): Promise<CommandOutcome> {
  const read = async (name: string): Promise<Uint8Array | undefined> =>
    files.readFileBuffer(`${folder}/${name}`).catch(() => undefined)
  const [out, err, after, functions, cwd] = await Promise.all(["out", "err", "after", "functions", "cwd"].map(read))
  // Nothing was begun: it could not be read as a command. A shell goes on then.
  const hasBegun = out !== undefined
  return {
    stdout: joined(out, result.stdout),
    stderr: joined(err, result.stderr),
    code: result.exitCode & 255,
    cwd: cwd === undefined ? job.cwd : textOf(cwd).replace(/\n$/, ""),
    shell: job.shell === undefined || !hasBegun ? job.shell : stateAfter(job, after, functions),
  }
}

function stateAfter(
  { command, shell }: CommandJob,
  after: Uint8Array | undefined,
  functions: Uint8Array | undefined,
): CommandJob["shell"] {
  // It did not come to its end: `exit`, or `set -e`.
  if (after === undefined || functions === undefined || shell === undefined) return undefined
  const names = new Set(
    textOf(functions)
      .split("\n")
      .map((line) => line.split(" ").at(-1) ?? ""),
  )
  const known = new Map([...shell.functions, ...functionsIn(library, command)])
  const variables = textOf(after).split("\n").filter(isKept).map(withPlainArray).join("\n")
  const state = { variables, functions: [...known].filter(([name]) => names.has(name)) }
  return JSON.stringify(state).length > maxStateLength ? shell : state
}

/** Without what may not be set, and what is ours. A value with a line break is written in one line. */
function isKept(line: string): boolean {
  return !/^declare -\S+ (?:\?|BASHOPTS|SHELLOPTS|PIPESTATUS|PWD|__mayfly_code)=/.test(line)
}

/** The imitated `declare` splits the values of arrays at spaces; an assignment does not. */
function withPlainArray(line: string): string {
  return line.replace(/^declare -(a|A) (\w+)=\(/, "declare -$1 $2; $2=(")
}

/** Files that stay, over an imitation of the rest of a system. */
function fileSystem(): IFileSystem {
  const base = new library.Bash({ fetch: requests.fetch }).fs
  const mounts = realFolders.map((mountPoint) => ({
    mountPoint,
    filesystem: new library.ReadWriteFs({
      root: `${root}${mountPoint}`,
      maxFileReadSize: (memoryMb * mebibyte) / 4,
      maxCopySize: 0,
    }),
  }))
  return new library.MountableFs({ base, mounts })
}

function joined(bytes: Uint8Array | undefined, text: string): Uint8Array {
  const more = Buffer.from(text.replaceAll(root, ""))
  return bytes === undefined || bytes.length === 0 ? more : more.length === 0 ? bytes : Buffer.concat([bytes, more])
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("utf8")
}
