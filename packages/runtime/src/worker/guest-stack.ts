import type { ModulePositions } from "../compile/program.ts"
import { mapPosition, type Position } from "../positions/map-position.ts"

export interface GuestPlace extends Position {
  readonly file: string
  readonly sourceLine?: string
}

/** The guest's stack in the author's own positions, without frames of the runtime; and the first place in it. */
export class GuestStack {
  readonly #modules: ReadonlyMap<string, ModulePositions>
  readonly #place: RegExp

  constructor(positions: readonly ModulePositions[]) {
    // CommonJS code stands in a module with a prefix of ours before the name.
    this.#modules = new Map(positions.map((module) => [module.name, module]))
    const names = [...this.#modules.keys()].sort((a, b) => b.length - a.length).map(escape)
    this.#place = new RegExp(`(?<![\\w/.-])(${names.join("|")}):(\\d{1,7}):(\\d{1,7})`, "g")
  }

  /** Positions in any text: a stack that a guest printed, for instance. */
  mapText(text: string): string {
    return text.replace(this.#place, (whole, name: string, line: string, column: string) => {
      const module = this.#modules.get(name)
      if (module === undefined) return whole
      const place = mapPosition(module, { line: Number(line), column: Number(column) })
      return `${displayName(name)}:${place.line}:${place.column}`
    })
  }

  mapStack(stack: string): string {
    return stack
      .split("\n")
      .filter((line) => !this.#isOurs(line))
      .map((line) => (line.trimStart().startsWith("at ") ? this.mapText(line) : line))
      .join("\n")
  }

  #isOurs(line: string): boolean {
    if (!/^\s+at /.test(line)) return false
    if (/\bmayfly:(?:runtime|import)\b|<isolated-vm/.test(line)) return true
    this.#place.lastIndex = 0
    const match = this.#place.exec(line)
    this.#place.lastIndex = 0
    return match !== null && this.#isBehindSource(match[1] ?? "", Number(match[2]))
  }

  /** The line after the author's last one is ours. */
  #isBehindSource(name: string, line: number): boolean {
    const module = this.#modules.get(name)
    return module !== undefined && line > module.lines
  }

  /** The first place of a mapped stack, with its source line. */
  firstPlace(mapped: string): GuestPlace | undefined {
    const names = [...this.#modules.keys()].map(displayName).map(escape)
    const match = new RegExp(`(?<![\\w/.-])(${names.join("|")}):(\\d+):(\\d+)`).exec(mapped)
    if (match === null) return undefined
    const [, file = "", line, column] = match
    const module = [...this.#modules.values()].find(({ name }) => displayName(name) === file)
    const sourceLine = module?.source?.split("\n", Number(line))[Number(line) - 1]?.slice(0, 500)
    return { file, line: Number(line), column: Number(column), ...(sourceLine === undefined ? {} : { sourceLine }) }
  }
}

function displayName(name: string): string {
  return name.replace(/^\$mayfly\d*:/, "")
}

function escape(name: string): string {
  return name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")
}
