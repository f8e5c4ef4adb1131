const colorOrControl = /\u001b\[[\d;]*m|[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

/**
 * Text of a guest's for a terminal: colours stay where they are wanted, all other control characters become visible. Terminals obey sequences
 * that rewrite the screen, set the clipboard or type answers back, and a guest must not command its user's terminal.
 */
export function printable(text: string, allowColor: boolean): string {
  return text.replace(colorOrControl, (found) => (found.length > 1 ? (allowColor ? found : "") : visible(found)))
}

function visible(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`
}
