const opening = /^[ \t]{0,3}(`{3,}|~{3,})[ \t]*(\w*)[^`\n]*\r?\n/m
const languages = new Set(["", "js", "javascript", "mjs", "jsx", "ts", "typescript", "mts", "tsx"])

/**
 * The program texts that a model's answer may mean, likeliest first: what stands in the fence that the answer starts with; or else the answer as
 * it is and, when that is no program, its first fence.
 */
export function programTexts(answer: string): string[] {
  const text = answer.trim()
  const match = opening.exec(text)
  if (match === null || !languages.has((match[2] ?? "").toLowerCase())) return [text]
  const fenced = untilFence(text.slice(match.index + match[0].length), match[1] ?? "```")
  return match.index === 0 ? [fenced] : [text, fenced]
}

/** An answer that was cut off has no closing fence. */
function untilFence(text: string, fence: string): string {
  const lines = text.split("\n")
  const end = lines.findIndex((line) => line.trim().startsWith(fence) && line.trim().replaceAll(fence[0] ?? "`", "") === "")
  return (end === -1 ? lines : lines.slice(0, end)).join("\n")
}
