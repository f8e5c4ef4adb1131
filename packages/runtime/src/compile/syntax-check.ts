import type { Isolate } from "isolated-vm"
import ivm from "isolated-vm"
import { SourceTextModule } from "node:vm"
import type { Position } from "../positions/map-position.ts"

export interface SyntaxProblem extends Partial<Position> {
  readonly message: string
}

/** V8's own verdict on module code; its words are the ones that developers know. Undefined when the code is fine. */
export function syntaxProblem(name: string, code: string): SyntaxProblem | undefined {
  try {
    void new SourceTextModule(code, { identifier: name })
    return undefined
  } catch (error) {
    return locate(name, code) ?? { message: (error as Error).message }
  }
}

const located = /^([\s\S]*) \[[^\]]*:(\d+):(\d+)\]$/

/** Node hides the position of a module's syntax error; isolated-vm puts it into the message. */
function locate(name: string, code: string): SyntaxProblem | undefined {
  const isolate: Isolate = new ivm.Isolate({ memoryLimit: 1_024 })
  try {
    isolate.compileModuleSync(code, { filename: name }).release()
    return undefined
  } catch (error) {
    const match = located.exec((error as Error).message)
    if (match === null) return undefined
    return { message: match[1] ?? "", line: Number(match[2]), column: Number(match[3]) }
  } finally {
    isolate.dispose()
  }
}
