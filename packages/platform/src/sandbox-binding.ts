import { type FileInfo, MayflyError } from "@mayfly/protocol"
import type { ExecResult, Sandbox, SandboxFiles } from "@mayfly/sandbox"

/** What a guest may do with a sandbox. What is not given is denied. */
export interface SandboxRights {
  /** Run commands. They see all files of the sandbox, whatever `files` and `prefix` say, and its network. Default false. */
  readonly exec?: boolean
  /** "write" may read, too. Default "none". */
  readonly files?: "none" | "read" | "write"
  /** Files outside of this folder are not there for it. Relative paths are below it. Default /workspace. */
  readonly prefix?: string
  /** Of a file that is read or written, and of each output of a command. Default 16 MiB. */
  readonly maxBytes?: number
  /** A command is killed after this time, or an earlier one that the guest names. Default 60 s. */
  readonly maxExecMs?: number
  /** Calls under way at once; one more is `sandbox.limit`. Default 8. */
  readonly maxCalls?: number
}

type ExecAnswer = Omit<ExecResult, "stdoutBytes" | "stderrBytes">

/** What the guest sees. Denied methods are there and reject with `sandbox.denied`. */
export interface GuestSandbox {
  readonly id: string
  exec(command: unknown, options?: unknown): Promise<ExecAnswer>
  readonly files: {
    read(path: unknown, options?: unknown): Promise<Uint8Array | string>
    write(path: unknown, data: unknown, options?: unknown): Promise<number>
    list(path?: unknown, options?: unknown): Promise<readonly FileInfo[]>
    stat(path: unknown): Promise<FileInfo>
    exists(path: unknown): Promise<boolean>
    mkdir(path: unknown): Promise<void>
    remove(path: unknown, options?: unknown): Promise<void>
    rename(path: unknown, to: unknown): Promise<void>
  }
}

const defaults = {
  exec: false,
  files: "none",
  prefix: "/workspace",
  maxBytes: 16 << 20,
  maxExecMs: 60_000,
  maxCalls: 8,
}
const levels: readonly unknown[] = ["none", "read", "write"]

/** A sandbox for a guest's `env`, with these rights and no others. Throws `input.invalid`. */
export function sandboxBinding(sandbox: Sandbox, rights: SandboxRights = {}): GuestSandbox {
  const { exec, files: level, prefix, maxBytes, maxExecMs, maxCalls } = parseRights(rights)
  const files = sandbox.files.within(prefix)
  const calls = new Calls(maxCalls)
  const guard = <T>(isAllowed: boolean, what: string, work: () => Promise<T>): Promise<T> =>
    isAllowed ? calls.run(work) : Promise.reject(denied(what))
  const reading = <T>(work: () => Promise<T>): Promise<T> => guard(level !== "none", "read files", work)
  const writing = <T>(work: () => Promise<T>): Promise<T> => guard(level === "write", "write files", work)
  // No prototypes, no `this`: a guest reaches these functions and nothing behind them.
  return {
    id: sandbox.id,
    exec: (command, options) =>
      guard(exec, "run commands", () => run(sandbox, command as string, execOptions(options, { maxBytes, maxExecMs }))),
    files: {
      read: (path, options) => reading(() => read(files, path as string, { options, maxBytes })),
      write: (path, data, options) =>
        writing(async () => files.write(path as string, content(data, maxBytes), { append: flag(options, "append") })),
      list: (path = ".", options) =>
        reading(async () => files.list(path as string, { recursive: flag(options, "recursive") })),
      stat: (path) => reading(() => files.stat(path as string)),
      exists: (path) => reading(() => files.exists(path as string)),
      mkdir: (path) => writing(() => files.mkdir(path as string)),
      remove: (path, options) =>
        writing(async () => files.remove(path as string, { recursive: flag(options, "recursive") })),
      rename: (path, to) => writing(() => files.rename(path as string, to as string)),
    },
  }
}

async function run(sandbox: Sandbox, command: string, options: object): Promise<ExecAnswer> {
  const { stdoutBytes: _out, stderrBytes: _err, ...answer } = await sandbox.exec(command, options)
  return answer
}

async function read(
  files: SandboxFiles,
  path: string,
  { options, maxBytes }: { readonly options: unknown; readonly maxBytes: number },
): Promise<Uint8Array | string> {
  const { encoding } = given(options, ["encoding"])
  if (encoding === undefined) return files.read(path, { maxBytes })
  if (encoding !== "utf8") throw invalid("encoding", 'must be "utf8", or left out for bytes')
  return files.read(path, { encoding, maxBytes })
}

function execOptions(options: unknown, { maxBytes, maxExecMs }: { maxBytes: number; maxExecMs: number }): object {
  const { stdin, timeoutMs, ...rest } = given(options, ["cwd", "env", "stdin", "timeoutMs"])
  if (timeoutMs !== undefined && !(typeof timeoutMs === "number" && timeoutMs >= 1))
    throw invalid("timeoutMs", "must be a number of milliseconds")
  return {
    ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)),
    ...(stdin === undefined ? {} : { stdin: content(stdin, maxBytes) }),
    timeoutMs: Math.min(timeoutMs ?? maxExecMs, maxExecMs),
    maxOutputBytes: maxBytes,
  }
}

function content(data: unknown, maxBytes: number): string | Uint8Array {
  const isText = typeof data === "string"
  if (!isText && !(data instanceof Uint8Array)) throw invalid("data", "must be a text or a Uint8Array")
  if ((isText ? Buffer.byteLength(data) : data.byteLength) <= maxBytes) return data
  throw new MayflyError("sandbox.file-too-large", `more than ${maxBytes} bytes were given`)
}

function flag(options: unknown, name: string): boolean {
  return given(options, [name])[name] === true
}

function given(options: unknown, known: readonly string[]): Readonly<Record<string, unknown>> {
  if (options === undefined) return {}
  if (typeof options !== "object" || options === null) throw invalid("options", "must be an object")
  for (const name of Object.keys(options))
    if (!known.includes(name)) throw invalid(name, `is not an option; the options are ${known.join(", ")}`)
  return options as Readonly<Record<string, unknown>>
}

/** What a guest may hold of this process at once. */
class Calls {
  readonly #max: number
  #count = 0

  constructor(max: number) {
    this.#max = max
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#count >= this.#max)
      throw new MayflyError("sandbox.limit", `${this.#max} calls of this binding are under way: wait for one of them`)
    this.#count++
    try {
      return await work()
    } finally {
      this.#count--
    }
  }
}

function parseRights(rights: SandboxRights): Required<SandboxRights> {
  const parsed = { ...defaults, ...given(rights, Object.keys(defaults)) }
  if (typeof parsed.exec !== "boolean") throw invalid("exec", "must be true or false")
  if (!levels.includes(parsed.files)) throw invalid("files", 'must be "none", "read" or "write"')
  if (typeof parsed.prefix !== "string" || !parsed.prefix.startsWith("/"))
    throw invalid("prefix", "must be a path from the root, such as /workspace/out")
  for (const name of ["maxBytes", "maxExecMs", "maxCalls"] as const) {
    const value = parsed[name]
    if (!Number.isSafeInteger(value) || value < 1 || value > 2_147_483_647)
      throw invalid(name, "must be a whole number from 1 to 2147483647")
  }
  return parsed as Required<SandboxRights>
}

function denied(what: string): MayflyError {
  return new MayflyError("sandbox.denied", `this program may not ${what} in the sandbox`)
}

function invalid(path: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `${path} ${problem}`, { details: { path } })
}
