import { printable } from "./printable.ts"

/** One line, whatever a guest put into it, on a terminal and off it: with what has no width, or turns the direction, one text looks like another. */
export function safeLine(text: string): string {
  return printable(
    text.replaceAll(
      /[\n\t\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\udb40[\udc00-\udfff]/g,
      visible,
    ),
    false,
  )
}

function visible(character: string): string {
  return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`
}
