import { jsonWeight, maxJsonWeight, MayflyError } from "@mayfly/protocol"
import { type DecodeOptions, decodeValue } from "@mayfly/protocol/clone"

/**
 * A value of a guest's. All programs wait while this thread reads it, and it may be millions of empty lists: its weight is bounded, whatever `outputBytes`
 * says. Throws `worker.output-limit`, and TypeError for a text that makes no sense.
 */
export function decodeGuestValue(text: string, options: DecodeOptions = {}): unknown {
  if (jsonWeight(text, maxJsonWeight) <= maxJsonWeight) return decodeValue(text, options)
  const message = `the program gave more than ${maxJsonWeight} values at once, where a list or an object counts for four more`
  throw new MayflyError("worker.output-limit", message, {
    details: { limit: "values", value: maxJsonWeight },
    fix: "Give less at once, or large data as bytes or as one text.",
  })
}
