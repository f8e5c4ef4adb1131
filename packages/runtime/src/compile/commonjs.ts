import { initSync, parse } from "cjs-module-lexer"

const identifier = /^[A-Za-z_$][\w$]*$/
const reserved = new Set(
  "default,await,break,case,catch,class,const,continue,debugger,delete,do,else,enum,export,extends,false,finally,for,function,if,implements,import,in,instanceof,interface,let,new,null,package,private,protected,public,return,static,super,switch,this,throw,true,try,typeof,var,void,while,with,yield,eval,arguments".split(
    ",",
  ),
)
const requires = /\brequire\s*\(\s*(?:"([^"\n]+)"|'([^'\n]+)')\s*\)/g

let isReady = false

/** Whether a script without import and export speaks CommonJS. */
export function looksLikeCommonJs(code: string): boolean {
  return /\bmodule\.exports\b|\bexports\.\w|\brequire\s*\(/.test(code)
}

/** Specifiers in plain `require("…")` calls. */
export function requiredSpecifiers(code: string): string[] {
  return [...code.matchAll(requires)].map((match) => match[1] ?? match[2] ?? "")
}

const importCalls = /\bimport\s*\(\s*(?:"([^"\n]+)"|'([^'\n]+)'|`([^`$\n]+)`)\s*[,)]/g

/** Specifiers in plain `import("…")` calls, and whether there are calls with a computed one. */
export function dynamicSpecifiers(code: string): { readonly literal: string[]; readonly isComputed: boolean } {
  const literal = [...code.matchAll(importCalls)].map((match) => match[1] ?? match[2] ?? match[3] ?? "")
  return { literal, isComputed: (code.match(/\bimport\s*\(/g)?.length ?? 0) > literal.length }
}

/** Whether `export const NAME` may be written. */
export function isBindable(name: string): boolean {
  return identifier.test(name) && !reserved.has(name)
}

export interface CommonJsNames {
  readonly exports: readonly string[]
  /** Modules whose names are exported as well: `module.exports = require("…")`. */
  readonly reexports: readonly string[]
}

/** Names under which `import { x } from` may find CommonJS exports, by the lexer that Node uses. */
export function commonJsNames(code: string): CommonJsNames {
  if (!isReady) {
    initSync()
    isReady = true
  }
  try {
    const { exports, reexports } = parse(code)
    return { exports: [...new Set(exports)].filter(isBindable), reexports }
  } catch {
    return { exports: [], reexports: [] }
  }
}
