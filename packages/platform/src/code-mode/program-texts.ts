const opening = /^ {0,3}(`{3,}|~{3,})[ \t]*(\w*)[^`]*$/
const languages = new Set(["", "js", "javascript", "mjs", "jsx", "ts", "typescript", "mts", "tsx"])
/** Longer lines are no fences; patterns may then be simple, and take no time that grows with the square of the text. */
const maxFenceLine = 200

/**
 * The program texts that a model's answer may mean, likeliest first: what stands in the fence that the answer starts with; or else the answer as
 * it is and, when that is no program, its first fence.
 */
export function programTexts(answer: string): string[] {
  const text = answer.trim()
  const lines = text.split("\n")
  const at = lines.findIndex(isFence)
  const [, fence = "", language = ""] = fenceOf(lines[at] ?? "") ?? []
  if (at === -1 || !languages.has(language.toLowerCase())) return [text]
  const fenced = untilFence(lines.slice(at + 1), fence)
  return at === 0 ? [fenced] : [text, fenced]
}

function isFence(line: string): boolean {
  return fenceOf(line) !== null
}

function fenceOf(line: string): RegExpExecArray | null {
  return line.length > maxFenceLine ? null : opening.exec(line.trimEnd())
}

/** An answer that was cut off has no closing fence. */
function untilFence(lines: readonly string[], fence: string): string {
  const end = lines.findIndex(
    (line) => line.trim().startsWith(fence) && line.trim().replaceAll(fence[0] ?? "`", "") === "",
  )
  return (end === -1 ? lines : lines.slice(0, end)).join("\n")
}
