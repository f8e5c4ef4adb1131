import { MayflyError } from "@mayfly/protocol"
import { first, run, type Statement, type Steps } from "./steps.ts"

interface Move {
  readonly from: string
  readonly to: string
  readonly amount: number
}

interface Fail {
  readonly after: Statement
  readonly coded: boolean
}

export const procedures = {
  /** False when there is not enough. */
  *move({ from, to, amount }: Move): Steps<boolean> {
    const account = yield* first<{ amount: number }>("SELECT amount FROM accounts_accounts WHERE name = ?", from)
    if (account === undefined || account.amount < amount) return false
    yield* run("UPDATE accounts_accounts SET amount = amount - ? WHERE name = ?", amount, from)
    yield* run("UPDATE accounts_accounts SET amount = amount + ? WHERE name = ?", amount, to)
    return true
  },

  *fail({ after, coded }: Fail): Steps<void> {
    yield after
    if (coded) throw new MayflyError("input.invalid", "as asked", { retry: true, details: { path: "x" } })
    throw new Error("as asked")
  },

  /** A result that can't be copied to another thread. */
  *giveFunction(after: Statement): Steps<unknown> {
    yield after
    return () => {}
  },

  /** Ends the thread that holds the database. */
  *endThread(after: Statement): Steps<void> {
    yield after
    process.exit()
  },
}
