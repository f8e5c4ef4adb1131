const comma = 0x2c
const colon = 0x3a
const quote = 0x22
const bracket = 0x5b
const brace = 0x7b
const backslash = 0x5c

/** What an array or an object weighs, without what is in it. */
const container = 4

/** Heavier texts are not read where a stranger's values meet everybody's thread: reading these takes it up to a second. */
export const maxJsonWeight = 1_000_000

/**
 * What a JSON text costs whoever reads it: one for each value in a list or object and each key, four more for each list or object. A megabyte of empty lists takes a
 * hundred times as long, and ten times as much memory, as a string of that length. The text may come in parts, and is not checked; what is no JSON weighs something, too.
 */
export class JsonWeight {
  #value = 0
  #isInString = false
  /** A string's last part ended in a backslash that stands for no other one. */
  #isEscaped = false

  get value(): number {
    return this.#value
  }

  /** Counts the next part, and may end early when all are heavier than `most`. */
  add(text: string, most = Infinity): void {
    // In a local: a field takes three times as long.
    let weight = this.#value
    for (let at = this.#isInString ? this.#endOfString(text, 0) : 0; at < text.length && weight <= most; at++) {
      const code = text.charCodeAt(at)
      if (code === quote) at = this.#endOfString(text, at + 1) - 1
      else if (code === comma || code === colon) weight++
      else if (code === bracket || code === brace) weight += container
    }
    this.#value = weight
  }

  /** Behind the quotation mark that ends the string whose next characters are at `start`. */
  #endOfString(text: string, start: number): number {
    for (let at = start; ; at++) {
      at = text.indexOf('"', at)
      const end = at === -1 ? text.length : at
      let before = end
      while (before > start && text.charCodeAt(before - 1) === backslash) before--
      const carried = before === 0 && this.#isEscaped ? 1 : 0
      const isEscaped = (end - before + carried) % 2 === 1
      if (at === -1) {
        this.#isInString = true
        this.#isEscaped = isEscaped
        return end
      }
      if (isEscaped) continue
      this.#isInString = false
      this.#isEscaped = false
      return at + 1
    }
  }
}

/** Of a whole text; counting ends when it is heavier than `most`. */
export function jsonWeight(text: string, most = Infinity): number {
  const weight = new JsonWeight()
  weight.add(text, most)
  return weight.value
}
