type Exports = unknown
type Require = (specifier: string) => Exports
type Body = (
  exports: Exports,
  require: Require,
  module: { exports: Exports },
  filename: string,
  dirname: string,
) => void

interface Entry {
  readonly body: Body
  readonly imports: Readonly<Record<string, string>>
  readonly module: { exports: Exports }
  isLoaded: boolean
}

/** CommonJS modules among the given ones, as in Node: evaluated on first require, cycles see partial exports. */
export class CommonJs {
  readonly #entries = new Map<string, Entry>()

  /** `imports` maps what the module may require to module names. */
  define(name: string, imports: Readonly<Record<string, string>>, body: Body): void {
    this.#entries.set(name, { body, imports, module: { exports: {} }, isLoaded: false })
  }

  /** A module that needs no evaluation: JSON, text, bytes. */
  provide(name: string, exports: Exports): void {
    this.#entries.set(name, { body() {}, imports: {}, module: { exports }, isLoaded: true })
  }

  require(name: string): Exports {
    const entry = this.#entries.get(name)
    if (entry === undefined) throw moduleNotFound(name)
    if (!entry.isLoaded) {
      entry.isLoaded = true
      const slash = name.lastIndexOf("/")
      const dirname = `/${name.slice(0, Math.max(slash, 0))}`
      const require: Require = (specifier) => {
        if (!Object.hasOwn(entry.imports, specifier)) throw moduleNotFound(specifier, name)
        return this.require(entry.imports[specifier] as string)
      }
      const { module } = entry
      Reflect.apply(entry.body, module.exports, [module.exports, require, module, `/${name}`, dirname])
    }
    return entry.module.exports
  }
}

function moduleNotFound(specifier: string, from?: string): Error {
  const error = new Error(`Cannot find module '${specifier}'${from === undefined ? "" : ` required by '${from}'`}`)
  return Object.assign(error, { code: "MODULE_NOT_FOUND" })
}
