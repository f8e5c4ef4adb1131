/** A value that structured clone can't carry. `path` names where it stands, for instance `result.items[3].save`. */
export class CloneError extends Error {
  readonly path: string
  readonly reason: string

  constructor(path: string, reason: string) {
    super(`${path} ${reason}`)
    // The name that the structured clone algorithm gives such errors (HTML standard).
    this.name = "DataCloneError"
    this.path = path
    this.reason = reason
  }
}

/** The encoded form would be larger than `maxLength` characters. Thrown as soon as that is certain. */
export class CloneTooLargeError extends Error {
  readonly maxLength: number
  /** What was counted until then, a lower bound of the true size. */
  readonly atLeast: number

  constructor(maxLength: number, atLeast: number) {
    super(`the encoded value is larger than ${maxLength} characters`)
    this.name = "CloneTooLargeError"
    this.maxLength = maxLength
    this.atLeast = atLeast
  }
}
