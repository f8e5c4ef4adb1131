import { argumentError } from "./argument-error.ts"

/** Turns bytes into text, keeping the start of a split sequence until the next call or until `isLast`. */
export type Decode = (bytes: Uint8Array, isLast: boolean) => string

export interface DecodeOptions {
  /** The name to give in errors. */
  readonly encoding: string
  /** Throw for a malformed sequence where U+FFFD would stand. */
  readonly fatal: boolean
}

export const replacement = 0xfffd

export function malformed(encoding: string): TypeError {
  const message = `The encoded data was not valid for encoding ${encoding}`
  return argumentError(message, "ERR_ENCODING_INVALID_ENCODED_DATA")
}
