import type { Declarations } from "../declarations.ts"

const maxDepth = 5
const maxMembers = 2_000
const identifier = /^[A-Za-z_$][\w$]*$/

/** `Env` as it can be known from a worker's `env`: which names there are, and which of them are functions. */
export function declareEnv(env: Readonly<Record<string, unknown>>): Declarations {
  const members = new Map<string, string>()
  const type = new EnvType(members).of(env, "env", 0)
  return { text: `type Env = ${type}\ndeclare const env: Env\n`, members }
}

class EnvType {
  readonly #members: Map<string, string>
  readonly #seen = new Set<object>()

  constructor(members: Map<string, string>) {
    this.#members = members
  }

  of(value: unknown, path: string, depth: number): string {
    if (typeof value === "function") return this.#function(path)
    if (typeof value !== "object") return value === undefined || typeof value === "symbol" ? "any" : typeof value
    const prototype: unknown = value === null ? undefined : Object.getPrototypeOf(value)
    // Class instances have methods somewhere in their chain; their names are the codec's affair.
    const isPlain = value !== null && (prototype === Object.prototype || prototype === null)
    if (!isPlain || depth >= maxDepth || this.#seen.has(value)) return "any"
    this.#seen.add(value)
    const fields = Object.entries(value).slice(0, maxMembers)
    const typed = fields.map(([name, field]) => `${key(name)}: ${this.of(field, `${path}.${name}`, depth + 1)}`)
    return `{ ${typed.join("; ")} }`
  }

  #function(path: string): string {
    const [owner, name] = path.split(".").slice(-2)
    this.#members.set(`${owner}.${name}`, `${path}(...args: any[]): Promise<any>`)
    return "(...args: any[]) => Promise<any>"
  }
}

function key(name: string): string {
  return identifier.test(name) ? name : JSON.stringify(name)
}
