import type { ProgramOptions } from "./program.ts"

export interface WorkerVersion {
  /** The content hash of the definition. */
  readonly version: string
  /** The content hash of the compiled program. */
  readonly hash: string
  /** Of the definition. */
  readonly bytes: number
  readonly createdAt: number
  /** Whether it is the one that is called. */
  readonly isCurrent: boolean
}

export interface NamedWorkerInfo extends Omit<WorkerVersion, "isCurrent"> {
  readonly tenant: string
  readonly name: string
  /** When it was last deployed or rolled back. */
  readonly updatedAt: number
}

/** A worker as it is deployed: a program, and what it may use. Its `env` is data, and not for secrets: `network` names those. */
export interface WorkerDefinition extends ProgramOptions {
  /** Whether its runs may use isolates that earlier ones left warm. Default false. */
  readonly reuse?: boolean
}
