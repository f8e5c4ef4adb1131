/** A TypeError with Node's `code`, which programs written for Node look at. */
export function argumentError(message: string, code = "ERR_INVALID_ARG_TYPE"): TypeError {
  return Object.assign(new TypeError(message), { code })
}

/** What a constructor throws that only the platform may call. */
export function illegalConstructor(): TypeError {
  return argumentError("Illegal constructor", "ERR_ILLEGAL_CONSTRUCTOR")
}
