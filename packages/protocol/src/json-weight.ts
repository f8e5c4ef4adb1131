const comma = 0x2c
const colon = 0x3a
const quote = 0x22
const bracket = 0x5b
const brace = 0x7b
const backslash = 0x5c

/** What an array or an object weighs, without what is in it. */
const container = 4

/** Heavier texts are not read where a stranger's values meet everybody's thread: reading these takes it a second or two. */
export const maxJsonWeight = 2_000_000

/**
 * What a JSON text costs whoever reads it: one for each value in a list or object and each key, four more for each list or object. A megabyte of empty lists takes a
 * hundred times as long, and ten times as much memory, as a string of that length. The text is not checked; counting ends when it is heavier than `most`.
 */
export function jsonWeight(text: string, most = Infinity): number {
  let weight = 0
  for (let at = 0; at < text.length && weight <= most; at++) {
    const code = text.charCodeAt(at)
    if (code === quote) at = endOfString(text, at)
    else if (code === comma || code === colon) weight++
    else if (code === bracket || code === brace) weight += container
  }
  return weight
}

/** Where the string that begins at `start` ends. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; ; at++) {
    at = text.indexOf('"', at)
    if (at === -1) return text.length
    let before = at
    while (text.charCodeAt(before - 1) === backslash) before--
    if ((at - before) % 2 === 0) return at
  }
}
