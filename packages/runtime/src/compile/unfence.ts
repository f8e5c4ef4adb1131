export interface Unfenced {
  readonly code: string
  readonly language: "javascript" | "typescript" | undefined
}

const opening = /^ {0,3}(`{3,}|~{3,})[ \t]*([\w+#.-]*)[^\n`]*$/
const javascript = new Set(["js", "javascript", "mjs", "jsx", "node", "ecmascript", "cjs"])
const typescript = new Set(["ts", "typescript", "mts", "tsx", "cts"])

const fenceAtLineStart = /^( {0,3})`{3,}/gm

/**
 * Takes the program out of a Markdown answer. A program may hold three backticks in comments, strings and templates, so when there is text before
 * the first fence, `isProgram` is asked whether the whole text parses. Three backticks are code by themselves (an empty template, tagged), and
 * "Here:" is a label; with quotes in their place the fence of an answer can't parse, while one in a comment or string still does.
 * With several fences the longest JavaScript or TypeScript one counts.
 */
export function unfence(text: string, isProgram: (text: string) => boolean): Unfenced {
  const unchanged: Unfenced = { code: text, language: undefined }
  if (!text.includes("```") && !text.includes("~~~")) return unchanged
  const blocks = fencedBlocks(text)
  const startsWithFence = opening.test(text.trimStart().split("\n", 1)[0] ?? "")
  if (blocks.length === 0 || (!startsWithFence && isProgram(text.replace(fenceAtLineStart, "$1'''")))) return unchanged
  return blocks.reduce((best, block) => (rank(block) > rank(best) ? block : best))
}

function rank(block: Unfenced): number {
  return (block.language === undefined ? 0 : 1e9) + block.code.length
}

function fencedBlocks(text: string): Unfenced[] {
  const lines = text.split("\n")
  const blocks: Unfenced[] = []
  for (let at = 0; at < lines.length; at++) {
    const match = opening.exec((lines[at] ?? "").trimEnd())
    if (match === null) continue
    const end = closing(lines, at + 1, match[1] ?? "```")
    if (isCode(match[2] ?? ""))
      blocks.push({ code: lines.slice(at + 1, end).join("\n"), language: languageOf(match[2] ?? "") })
    at = end
  }
  return blocks
}

/** An unclosed fence runs to the end: answers are cut off. */
function closing(lines: readonly string[], from: number, fence: string): number {
  for (let at = from; at < lines.length; at++) {
    const line = (lines[at] ?? "").trim()
    if (line.startsWith(fence) && line.replaceAll(fence[0] ?? "`", "") === "") return at
  }
  return lines.length
}

function isCode(tag: string): boolean {
  return tag === "" || languageOf(tag) !== undefined
}

function languageOf(tag: string): Unfenced["language"] {
  const name = tag.toLowerCase()
  return typescript.has(name) ? "typescript" : javascript.has(name) ? "javascript" : undefined
}
