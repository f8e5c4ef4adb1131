/** When work that a crash had interrupted went on, as epoch milliseconds. */
export interface Resumed {
  readonly first: number
  readonly last: number
}

/** A durable workflow engine, in a process of its own. All are driven through this by the same measurements. Whoever starts it stops it. */
export interface WorkflowContender {
  /** Starts `count` workflows of `steps` steps that do nothing, all at once. Resolves when all have ended; rejects when one ended wrongly. */
  run(prefix: string, count: number, steps: number): Promise<void>
  /** Workflows that sleep until the same moment. Resolves to how many milliseconds late each woke. */
  sleep(prefix: string, count: number, at: number): Promise<readonly number[]>
  /** Starts workflows whose first step ends and whose second never does. Resolves when all are in the second. */
  begin(count: number): Promise<void>
  /** In a new process on the same folder: resolves when all that `begin` started are in their second step again. */
  resume(count: number): Promise<Resumed>
  /** What it wrote is complete on disk afterwards. */
  stop(): Promise<void>
}

export interface StartOptions {
  /** For all that it keeps. There may be files of an earlier start in it. */
  readonly folder: string
  /** Of the Postgres that runs for it, when it asked for one. */
  readonly databaseUrl: string | undefined
}

/** Throws unless all answers are the number of the last step. */
export function checkLastStep(answers: readonly unknown[], steps: number): void {
  const wrong = answers.find((answer) => answer !== steps - 1)
  if (wrong !== undefined) throw new Error(`wrong answer: ${JSON.stringify(wrong)}`)
}
