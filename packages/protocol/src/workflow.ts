/** Cloudflare's states. `queued` waits for a place, `waiting` for time or for others; `waitingForPause` lets running attempts finish. */
export type InstanceStatus =
  | "queued"
  | "running"
  | "waiting"
  | "waitingForPause"
  | "paused"
  | "complete"
  | "errored"
  | "terminated"

export const instanceStatuses: readonly InstanceStatus[] = [
  "queued",
  "running",
  "waiting",
  "waitingForPause",
  "paused",
  "complete",
  "errored",
  "terminated",
]

/** What a row of the journal is about. Compensations of a saga are `rollback`. */
export type StepKind = "do" | "sleep" | "event" | "child" | "rollback"

/** The history also says what happened to the instance itself; such rows have the key "" and are never replayed. */
export type LifecyclePhase =
  | "created"
  | "event"
  | "paused"
  | "resumed"
  | "terminating"
  | "terminated"
  | "restarted"
  | "complete"
  | "errored"

/** An error as the journal holds it. */
export interface Failure {
  readonly name: string
  readonly message: string
  readonly code?: string
  readonly details?: Readonly<Record<string, unknown>>
}

export interface StepRef {
  readonly kind: StepKind
  readonly name: string
  /** Which step of that name, from 1. */
  readonly count: number
  /** Names the step within its instance. */
  readonly key: string
  /** The key of the step around it. */
  readonly parent?: string
}

/** One line of an instance's history. Times are epoch milliseconds. */
export type HistoryEntry = {
  /** Where to go on: `subscribe({ cursor })`. */
  readonly cursor: number
  /** From 1; a restart begins another run. */
  readonly run: number
  readonly time: number
} & (
  | {
      readonly type: "instance"
      readonly what: LifecyclePhase
      readonly about?: unknown
    }
  | {
      readonly type: "step"
      readonly step: StepRef
      /** `start` and `retry` go on; `ok` and `err` are the end of the step. */
      readonly phase: "start" | "retry" | "ok" | "err"
      readonly attempt: number
      readonly startedAt?: number
      /** When the sleep ends, the wait times out, the next attempt begins. */
      readonly dueAt?: number
      readonly input?: unknown
      readonly output?: unknown
      readonly error?: Failure
      /** Logs, usage and egress of each run of guest code. */
      readonly runs?: readonly unknown[]
    }
)

/** A step that waits for an event, and the secret that stands for it in a URL: whoever has the token may send one. */
export interface WorkflowWait {
  readonly step: string
  readonly type: string
  readonly token: string
  /** What the page of its link asks. */
  readonly prompt?: string
}

/** Cloudflare's `status()`, and more. Times are epoch milliseconds. */
export interface WorkflowStatus {
  readonly status: InstanceStatus
  /** Why it waits: sleep, event, retry, child, needs-code, concurrency, schedule. */
  readonly reason?: string
  readonly output?: unknown
  readonly error?: Failure
  /** Whether what was done has been undone. */
  readonly rollback?: "complete" | "failed"
  /** From 1; each restart begins another. */
  readonly run: number
  readonly createdAt: number
  readonly endedAt?: number
  readonly wakeAt?: number
  readonly waits: readonly WorkflowWait[]
}

export interface StepPlace {
  readonly name: string
  /** Which step of that name, from 1. */
  readonly count?: number
  readonly type?: "do" | "sleep" | "waitForEvent" | "workflow"
}

export interface ListOptions {
  readonly status?: InstanceStatus
  /** At most 1,000. Default 100. */
  readonly limit?: number
  /** From an earlier page. */
  readonly cursor?: string
}

export interface WorkflowPage {
  readonly workflows: readonly { readonly id: string; readonly status: InstanceStatus; readonly createdAt: number }[]
  /** For the next page; missing on the last one. */
  readonly cursor?: string
}

export interface DeletedBatch {
  readonly deleted: readonly { readonly id: string }[]
  readonly errors: readonly { readonly id: string; readonly code: string; readonly message: string }[]
}

/** A duration: milliseconds, or a text such as "10 seconds" or "1 hour". */
export type Duration = number | string

/** What a workflow is made of, but for its steps. Durations are milliseconds or texts such as "10 minutes". */
export interface WorkflowSettings {
  /** Unique within the tenant. Creating the same content again gives the same instance. Default: a random one. */
  readonly id?: string
  /** Guest code with `run(event, step)`, as at Cloudflare; or `steps`. */
  readonly script?: string
  readonly modules?: Readonly<Record<string, unknown>>
  readonly mainModule?: string
  readonly language?: "auto" | "javascript" | "typescript"
  /** The export of `script` that runs, when it is not the default one. Without a script: the class that the served worker exports. */
  readonly entry?: string
  /**
   * Whether instances of the script may share a warm isolate: quicker, but they share module state, limits, and fate. Default false: an isolate for each
   * activation.
   */
  readonly reuse?: boolean
  readonly limits?: object
  readonly network?: object
  /** Data only. */
  readonly env?: object
  /** `event.payload` of a script, `ctx.params` of closures. */
  readonly params?: unknown
  /** How long an instance is kept after its end. Default 30 days. */
  readonly retention?: Duration | { readonly successRetention?: Duration; readonly errorRetention?: Duration }
  /** At most `limit` (default 1) instances with the same key run at a time; those that sleep or wait do not count. */
  readonly concurrencyKey?: string | { readonly key: string; readonly limit?: number }
  /** A moment to start at, or a cron pattern: then each tick starts an instance of its own, `<id>-<time>`. */
  readonly schedule?:
    | Date
    | number
    | string
    | { readonly cron: string; readonly timezone?: string }
    | { readonly at: Date | number | string }
}

/**
 * A step that is data. Exactly one of `code`, `sleep`, `sleepUntil`, `waitForEvent`, `parallel`, `workflow` says what it does. In `input`,
 * `{ $from: "step", path: "a.b" }` stands for another step's result.
 */
export interface WorkflowStep {
  /** Unique in the list. */
  readonly name: string
  /** Skips the step unless the result of an earlier one, at `path`, is as wanted. */
  readonly when?: {
    readonly $from: string
    readonly path?: string
    readonly equals?: unknown
    readonly notEquals?: unknown
    readonly exists?: boolean
  }
  /** Guest code: a program text, or `{ modules, mainModule }`. Survives any crash. */
  readonly code?: string | object
  readonly sleep?: Duration
  readonly sleepUntil?: Date | number | string
  /** The type of the event. */
  readonly waitForEvent?: string
  /** What the page of a wait's link asks. At most 2,000 characters. */
  readonly prompt?: string
  /** Of a wait: its link takes only requests that are signed so. */
  readonly signature?: GivenAbout["signature"]
  readonly parallel?: readonly WorkflowStep[]
  /** Another workflow, made of code, that is started and waited for; `input` is its params. */
  readonly workflow?: object
  readonly input?: unknown
  readonly limits?: object
  readonly network?: object
  readonly env?: object
  readonly language?: "auto" | "javascript" | "typescript"
  readonly retries?: {
    /** How often a failed attempt is followed by another. Default 5. */
    readonly limit?: number
    /** Default "1 second". */
    readonly delay?: Duration
    /** Default "exponential". */
    readonly backoff?: "constant" | "linear" | "exponential"
    readonly maxDelay?: Duration
  }
  /** Of each attempt, default "10 minutes"; of a wait, default "24 hours". */
  readonly timeout?: Duration
  /** Undoes the step when the workflow fails later, or is terminated with `rollback`. Gets `{ error, output, stepName }` as its input. */
  readonly rollback?: string | object
  /** When a crash leaves open whether the step ran, it fails with `workflow.interrupted` instead of running again. */
  readonly atMostOnce?: boolean
  /** Leaves the result out of the history. */
  readonly sensitive?: "output"
}

/** What the link of a waiting step shows and wants. */
export interface GivenAbout {
  /** What the page of the link asks. At most 2,000 characters. */
  readonly prompt?: string
  /** Only signed requests are taken from the link. */
  readonly signature?: {
    readonly scheme: "standard-webhooks" | "github" | "stripe" | "hmac-sha256"
    /** The name of a secret. */
    readonly secret: string
    /** For "hmac-sha256": where the signature is, what stands before it, and whether it is hex (default) or base64. */
    readonly header?: string
    readonly prefix?: string
    readonly encoding?: "hex" | "base64"
  }
}
