/** A way to hold sandboxes. */
export interface SandboxContender {
  readonly name: string
  readonly title: string
  /** A new sandbox in which a first command has run. */
  create(): Promise<Box>
  /** Ends all that was started for it. Calling twice is safe. */
  close(): Promise<void>
}

export interface Box {
  /** Runs a program to its end and gives its stdout. Left out where a sandbox is one command. */
  readonly exec?: (argv: readonly string[]) => Promise<string>
  /** The processes that one more of these adds to the machine. */
  readonly pids?: () => Promise<readonly number[]>
  destroy(): Promise<void>
}

/** Gives a contender, or says in its error why it is left out. */
export type StartContender = () => Promise<SandboxContender>
