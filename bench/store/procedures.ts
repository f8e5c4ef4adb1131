import { first, run, type Steps } from "@mayfly/store/steps"

export const procedures = {
  /** Reads the last row, then appends one. */
  *append({ data }: { readonly data: string }): Steps<number> {
    const last = yield* first<{ n: number }>("SELECT n FROM bench_rows ORDER BY n DESC LIMIT 1")
    const n = (last?.n ?? 0) + 1
    yield* run("INSERT INTO bench_rows (n, owner, data) VALUES (?, ?, ?)", n, "a", data)
    return n
  },
}
