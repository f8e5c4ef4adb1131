import { type Fence, fences, placeOf } from "./read-fences.ts"

/** One or several fences of a page that are one module. */
export interface Program {
  readonly place: string
  readonly isTypeScript: boolean
  /** "worker", "before", "runs", or "" when only its types are looked at. */
  readonly kind: string
  readonly text: string
  /** What the program uses and the page does not show: names, and their types. */
  readonly types: Readonly<Record<string, string>>
  /** Programs for guests on the same page, by the name that this program uses for their text. */
  readonly texts: ReadonlyMap<string, string>
}

export const programs: readonly Program[] = readPrograms()

function readPrograms(): Program[] {
  const found: Program[] = []
  const texts = new Map<string, Map<string, string>>()
  for (const fence of fences) {
    const named = texts.get(fence.page) ?? new Map<string, string>()
    texts.set(fence.page, named)
    if (typeof fence.given["as"] === "string") named.set(fence.given["as"], fence.text)
    const last = found.at(-1)
    if (fence.kind === "more") {
      if (last?.place.startsWith(`${fence.page}:`) !== true)
        throw new Error(`${placeOf(fence)} goes on with no program`)
      found.splice(-1, 1, { ...last, text: `${last.text}\n${fence.text}` })
    } else if (isProgram(fence)) found.push(programOf(fence, new Map(named)))
  }
  return found
}

function isProgram({ language, kind }: Fence): boolean {
  return (
    (language === "ts" && !["guest", "file", "printed"].includes(kind)) ||
    (language === "js" && ["runs", "before"].includes(kind))
  )
}

function programOf(fence: Fence, named: ReadonlyMap<string, string>): Program {
  const texts = new Map([...named].filter(([name]) => fence.text.includes(name)))
  const types = (fence.given["types"] ?? {}) as Record<string, string>
  return {
    place: placeOf(fence),
    isTypeScript: fence.language === "ts",
    kind: fence.kind,
    text: fence.text,
    types,
    texts,
  }
}
