/** What our own checks refuse, as the guest will see it: a DOMException of this name. */
export class SubtleError extends Error {
  readonly errorName: "OperationError" | "NotSupportedError" | "DataError" | "InvalidAccessError" | "SyntaxError"

  constructor(errorName: SubtleError["errorName"], message: string) {
    super(message)
    this.errorName = errorName
  }
}
