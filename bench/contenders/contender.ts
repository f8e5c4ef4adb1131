/** One way to run a program that nobody trusts, each time from scratch. All are driven through this by the same loops. */
export interface Contender extends AsyncDisposable {
  /** Loads `script` for the runs to come; see `program.ts` for what it exports. */
  use(script: string): Promise<void>
  /** One run from scratch. Rejects when the answer is wrong. */
  run(): Promise<void>
  /** The whole closed loop at once, for contenders that can be driven without the bench in between. Resolves to the milliseconds it took. */
  loop?(clients: number, runs: number): Promise<number>
  /** Keeps `count` more isolates with the program loaded, for the memory figures. */
  hold?(count: number): Promise<void>
}

/** Throws what is wrong with an answer. */
export function checkAnswer(answer: unknown): void {
  if ((answer as { sum?: unknown } | null)?.sum === 3) return
  throw new Error(`wrong answer: ${JSON.stringify(answer)}`)
}
