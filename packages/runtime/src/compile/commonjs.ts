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

/** Names under which `import { x } from` may find CommonJS exports, by the lexer that Node uses. */
export function commonJsExportNames(code: string): string[] {
  if (!isReady) {
    initSync()
    isReady = true
  }
  try {
    return [...new Set(parse(code).exports)].filter((name) => identifier.test(name) && !reserved.has(name))
  } catch {
    return []
  }
}
