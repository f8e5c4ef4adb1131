import type { GivenModule } from "@mayfly/runtime"
import type { Namespace } from "./namespace.ts"

/** How generated code is put among modules: as a body or an expression below one line of ours, or as a module that ours imports. */
export type CodeShape = "body" | "expression" | "module"

export const codeFile = "code.js"
const startFile = "mayfly-code-mode.js"

/** Lines above the author's first one. */
export const linesAbove: Readonly<Record<CodeShape, number>> = { body: 1, expression: 1, module: 0 }

/**
 * `env`, `input` and `ctx` are parameters of ours around a body; assigning them hides what we pass and makes namespaces of these names work.
 * The last statement keeps code without a value from having ours.
 */
const bodyStart = `[input,env,ctx]=await(await import("./${startFile}")).default(env);void 0;`

const moduleStart = `export default async (input, env) => {
  await (await import("./${startFile}")).default(env)
  const { default: main, run } = await import("./${codeFile}")
  const value = main ?? run
  return typeof value === "function" ? value() : typeof value?.run === "function" ? value.run() : value
}`

/**
 * `then` and `toJSON` are asked for by the language, not by the author. An error that comes from the host has no frames of the guest's; it gets
 * those of the call, so that its author is told the line.
 */
const start = (preludes: readonly string[]): string => `const { create, defineProperty, hasOwn } = Object
const { captureStackTrace } = Error
const method = (call, tool) => {
  const called = async (...args) => {
    const here = {}
    captureStackTrace(here, called)
    try {
      return await call(tool, args)
    } catch (error) {
      error.stack = String(error) + String(here.stack).replace(/^.*/, "")
      throw error
    }
  }
  return called
}
export default async (env) => {
  const spaces = create(null)
  for (const { name, tools, call } of env.namespaces) {
    const target = create(null)
    for (const tool of tools) target[tool] = method(call, tool)
    spaces[name] = new Proxy(target, {
      get: (target, tool) => {
        if (hasOwn(target, tool)) return target[tool]
        if (typeof tool !== "string" || tool === "then" || tool === "toJSON") return undefined
        return method(call, tool)
      },
    })
    defineProperty(globalThis, name, { value: spaces[name], writable: true, enumerable: true, configurable: true })
  }
${preludes.map((_, index) => `  await import("./${preludeFile(index)}")`).join("\n")}
  return [spaces.input, spaces.env, spaces.ctx]
}`

export interface GuestModules {
  readonly modules: Readonly<Record<string, GivenModule>>
  readonly mainModule: string
}

/** The modules of one run. Preludes see the namespaces as the author does; their own declarations stay theirs. */
export function guestModules(code: string, shape: CodeShape, namespaces: readonly Namespace[]): GuestModules {
  const preludes = namespaces.flatMap(({ prelude }) => (prelude === undefined ? [] : [prelude]))
  const own = Object.fromEntries([
    [startFile, start(preludes)],
    ...preludes.map((text, index) => [preludeFile(index), text]),
  ])
  if (shape === "module")
    return { modules: { ...own, [codeFile]: code, "main.js": moduleStart }, mainModule: "main.js" }
  const text = shape === "body" ? `${bodyStart}\n${code}` : `${bodyStart}return (\n${expressionText(code)}\n)`
  return { modules: { ...own, [codeFile]: text }, mainModule: codeFile }
}

/** Without the semicolons at its end. A pattern would take time that grows with the square of the spaces in it. */
export function expressionText(code: string): string {
  let text = code.trimEnd()
  while (text.endsWith(";")) text = text.slice(0, -1).trimEnd()
  return text
}

function preludeFile(index: number): string {
  return `mayfly-prelude-${index}.js`
}
