import { fromTaggedJson } from "@mayfly/protocol"
import { invalid } from "./parse-fields.ts"

/** A value that came as JSON, its tagged parts made values again. Throws `input.invalid`. */
export function taggedValue(value: unknown, path: string): unknown {
  try {
    return fromTaggedJson(value)
  } catch (error) {
    // JSON may be nested deeper than any stack.
    if (error instanceof RangeError) throw invalid(path, "is nested too deeply")
    throw error
  }
}
