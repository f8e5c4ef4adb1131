// Taken at evaluation, before guest code can replace them.
const { defineProperty } = Reflect
const { parse, stringify } = JSON
const ErrorOf = Error
const errorKinds: Readonly<Record<string, ErrorConstructor>> = {
  __proto__: null as never,
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
}

/** What the other side may know of a failure: name, message, code. Never throws, whatever was thrown. */
export function failureText(error: unknown): string {
  try {
    if (!(error instanceof ErrorOf)) return stringify({ name: "Error", message: `${error as string}` })
    const { name, message, code } = error as Error & { code?: unknown }
    return stringify({ name: `${name}`, message: `${message}`, ...(typeof code === "string" ? { code } : {}) })
  } catch {
    return stringify({ name: "Error", message: "the call failed with something that can't be shown" })
  }
}

/** The error of this realm for such a text. Its own stack would show the runtime's frames; the one given is the guest's, of a module that failed. */
export function reviveFailure(text: string): Error {
  const failure = parse(text) as { name?: string; message: string; code?: string; stack?: string }
  const { name = "Error", message, code } = failure
  const Kind = errorKinds[name]
  const error = new (Kind ?? ErrorOf)(message)
  if (Kind === undefined)
    defineProperty(error, "name", { value: name, writable: true, configurable: true, enumerable: false })
  if (code !== undefined) (error as Error & { code: string }).code = code
  defineProperty(error, "stack", {
    value: failure.stack ?? `${name}: ${message}`,
    writable: true,
    configurable: true,
    enumerable: false,
  })
  return error
}

/** The failure of a stub that stands for nothing any more. */
export function expiredStub(message: string): Error {
  const error = new ErrorOf(message)
  ;(error as Error & { code: string }).code = "worker.stub-expired"
  return error
}
