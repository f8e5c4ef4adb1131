import { globSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

/** A fenced block of a page. Its info string is `LANGUAGE [KIND] [JSON]`; readers see the language only. */
export interface Fence {
  readonly page: string
  readonly line: number
  readonly language: string
  /** "" when the info string names none. */
  readonly kind: string
  readonly given: Readonly<Record<string, unknown>>
  readonly text: string
}

export const root = fileURLToPath(new URL("../../", import.meta.url))

/** Folders that hold no pages, and files that only commands on pages use. */
export function isBuilt(path: string): boolean {
  return /(?:^|\/)(?:node_modules|dist|given)$/.test(path)
}

/** Every page of the checkout, relative to it. */
export const pages: readonly string[] = globSync(["*.md", "{bench,deploy,docs,examples,packages,test}/**/*.md"], {
  cwd: root,
  exclude: isBuilt,
}).toSorted()

export function readPage(page: string): string {
  return readFileSync(`${root}${page}`, "utf8")
}

/** The page without its fences: what is left must hold no mark of one. */
export function withoutFences(text: string): string {
  return text.replaceAll(pattern, (fence) => fence.replaceAll(/[^\n]/g, ""))
}

const pattern = /^(`{3,}|~{3,})([^\n]*)\n([\s\S]*?)^\1 *$/gm

export const fences: readonly Fence[] = pages.flatMap((page) => {
  const text = readPage(page)
  return [...text.matchAll(pattern)].map(({ index, 2: info = "", 3: body = "" }) => {
    const [, language = "", kind = "", given = ""] = /^(\S*) ?([a-z]*) ?(.*)$/.exec(info) ?? []
    const line = text.slice(0, index).split("\n").length
    return { page, line, language, kind, given: given === "" ? {} : (JSON.parse(given) as object), text: body }
  })
}) as readonly Fence[]

/** "docs/start.md:12", for the names of tests. */
export function placeOf({ page, line }: Fence): string {
  return `${page}:${line}`
}
