/** What a thread is asked to run. */
export interface CommandJob {
  readonly command: string
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly stdin: Uint8Array
  /** Of a shell: what its commands left. */
  readonly shell: ShellState | undefined
}

export interface ShellState {
  /** Text that declares variables and options. */
  readonly variables: string
  /** Names of functions and their text. */
  readonly functions: readonly (readonly [name: string, text: string])[]
}

export interface CommandOutcome {
  readonly stdout: Uint8Array
  readonly stderr: Uint8Array
  readonly code: number
  readonly cwd: string
  /** Undefined when the command ended its shell. */
  readonly shell: ShellState | undefined
}

export interface ThreadOptions {
  readonly root: string
  readonly justBash: string
  readonly memoryMb: number
}

/** A request of curl's, as it goes to whoever may send it. */
export interface GuestRequest {
  readonly url: string
  readonly method: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** Base64. */
  readonly body: string | null
  readonly redirect: "follow" | "manual"
}

export interface GuestResponse {
  readonly status: number
  readonly statusText: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly url: string
  /** Base64. */
  readonly body: string
}

export type ToThread =
  | { readonly kind: "run"; readonly job: CommandJob }
  | { readonly kind: "abort" }
  | { readonly kind: "answer"; readonly id: number; readonly response: GuestResponse }
  | { readonly kind: "refused"; readonly id: number; readonly message: string }

export type FromThread =
  | { readonly kind: "ready" }
  | { readonly kind: "done"; readonly outcome: CommandOutcome }
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "request"; readonly id: number; readonly request: GuestRequest }
  | { readonly kind: "forget"; readonly id: number }
