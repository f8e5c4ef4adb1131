export type Command = string | readonly string[]

/** How a command is run, wherever its input comes from. */
export interface CommandOptions {
  /** Default /workspace. */
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Then the whole tree of processes is killed; the result has `timedOut` and the exit code 124. Default: none. */
  readonly timeoutMs?: number
  /** Kills the whole tree; the call rejects with `sandbox.aborted`. */
  readonly signal?: AbortSignal
  /** Called with each piece of output as it comes; the command waits while a promise that it returns is pending. */
  readonly onOutput?: (chunk: LogChunk) => unknown
  /** Of each stream this much is kept, the rest is thrown away and `truncated` says so. Default 16 MiB. */
  readonly maxOutputBytes?: number
}

export interface CommandResult {
  /** 128 + n for a signal n, 124 for the timeout, 127 for a program that is missing. */
  readonly exitCode: number
  readonly success: boolean
  readonly signal: string | null
  /** As text; bytes that are not UTF-8 become U+FFFD. */
  readonly stdout: string
  readonly stderr: string
  readonly timedOut: boolean
  readonly truncated: boolean
  readonly durationMs: number
}

/** What a command of a shell tells besides. */
export interface ShellState {
  /** The folder that the shell is in now. */
  readonly cwd: string
  /** The command ended the shell; open another. */
  readonly ended: boolean
}

export interface SpawnOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Then the whole tree is killed. Default: none. */
  readonly timeoutMs?: number
}

export type ProcessStatus = "running" | "exited" | "killed" | "lost"

export interface ProcessEnd {
  readonly exitCode: number
  readonly signal: string | null
  readonly timedOut: boolean
}

export interface LogChunk {
  readonly stream: "stdout" | "stderr"
  readonly text: string
}

export interface LogOptions {
  /** Goes on until the process ends. Default false: what is kept now. */
  readonly follow?: boolean
  /** Begins with what is kept. Default true. */
  readonly replay?: boolean
  readonly signal?: AbortSignal
}

export interface WaitOptions {
  /** Then the wait rejects with `sandbox.timeout`; the process goes on. Default: none. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export type CodeLanguage = "python" | "javascript" | "typescript"

export interface CodeContextInfo {
  readonly name: string
  readonly language: CodeLanguage
}

export interface RunCodeOptions {
  /** The state that is kept, by name. Default: one per language. */
  readonly context?: string
  /** Then the context ends, and the error is a TimeoutError. Default 60 s; null: none. */
  readonly timeoutMs?: number | null
  /** Ends the context. */
  readonly signal?: AbortSignal
  readonly onOutput?: (chunk: LogChunk) => unknown
}

/** One value that was shown or is the cell's own, in all forms that it has. */
export interface CodeResult {
  readonly text?: string
  readonly html?: string
  readonly markdown?: string
  readonly latex?: string
  readonly svg?: string
  /** Base64. */
  readonly png?: string
  /** Base64. */
  readonly jpeg?: string
  readonly json?: unknown
  /** The value of the cell's last expression. */
  readonly isResult: boolean
}

export interface CodeExecution {
  readonly results: readonly CodeResult[]
  readonly stdout: string
  readonly stderr: string
  readonly error: { readonly name: string; readonly message: string; readonly traceback: readonly string[] } | null
}
