import { printable } from "./printable.ts"

/** One line, whatever a guest put into it, on a terminal and off it. */
export function safeLine(text: string): string {
  return printable(text.replaceAll(/[\n\t\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, visible), false)
}

function visible(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
}
