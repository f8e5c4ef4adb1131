import assert from "node:assert/strict"
import { test } from "node:test"
import { conform, createGuest } from "./isolate-harness.ts"

test("DOMException equals Node's", async () => {
  await using guest = await createGuest()
  await conform(guest, {
    parts: `const e = new DOMException("m", "AbortError"); return [e.name, e.message, e.code, String(e), e instanceof Error]`,
    tag: `return Object.prototype.toString.call(new DOMException())`,
    own: `return Object.getOwnPropertyNames(new DOMException("m", "x"))`,
    stack: `return new DOMException("m", "AbortError").stack.split("\\n")[0]`,
    "class name": `return [DOMException.name, DOMException.length]`,
    "options name and cause": `const e = new DOMException("m", { name: "X", cause: 1 }); return [e.name, e.cause, e.code]`,
    "options without cause": `return "cause" in new DOMException("m", { name: "X" })`,
    "cause is undefined": `return Object.getOwnPropertyDescriptor(new DOMException("m", { cause: undefined }), "cause")`,
    "odd names": `return [undefined, null, 5].map((n) => new DOMException("", n).name)`,
    "symbol message": `return attempt(() => new DOMException(Symbol()))`,
    "statics on the class": `return Object.fromEntries(Object.keys(DOMException).map((k) => [k, DOMException[k]]))`,
    "constants on instances": `const e = new DOMException(); return [e.ABORT_ERR, e.DATA_CLONE_ERR, e.INDEX_SIZE_ERR]`,
    "every code": `return ["IndexSizeError","HierarchyRequestError","WrongDocumentError","InvalidCharacterError",
      "NoModificationAllowedError","NotFoundError","NotSupportedError","InUseAttributeError","InvalidStateError","SyntaxError",
      "InvalidModificationError","NamespaceError","InvalidAccessError","TypeMismatchError","SecurityError","NetworkError",
      "AbortError","URLMismatchError","QuotaExceededError","TimeoutError","InvalidNodeTypeError","DataCloneError",
      "EncodingError","toString","__proto__","constructor"].map((n) => new DOMException("", n).code)`,
    "constants are read-only": `return attempt(() => { DOMException.ABORT_ERR = 1 })`,
  })
})

test("DOMException has its constants when only an instance is reachable", async () => {
  await using guest = await createGuest()
  const source = `try { atob("*") } catch (e) { return [e.constructor.name, e.ABORT_ERR, e.name, e.code] }`
  assert.deepEqual(await guest.evaluate(source), ["DOMException", 20, "InvalidCharacterError", 5])
})
