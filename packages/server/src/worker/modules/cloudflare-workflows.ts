// `cloudflare:workflows` for the worker that `mayfly serve` runs.

/** Thrown by a workflow step that no retry can help. */
export class NonRetryableError extends Error {
  constructor(message: string, name = "NonRetryableError") {
    super(message)
    this.name = name
  }
}
