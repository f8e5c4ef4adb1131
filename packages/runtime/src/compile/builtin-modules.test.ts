import assert from "node:assert/strict"
import { builtinModules } from "node:module"
import { test } from "node:test"
import { absentBuiltin, builtinChunks, builtinFacade, builtinModule, builtinNames } from "./builtin-modules.ts"

test("builtinModule takes names with and without scheme", () => {
  assert.deepEqual(
    ["path", "node:path", "fs", "node:fs", "cloudflare:workers", "workers", "lodash"].map(builtinModule),
    ["node:path", "node:path", undefined, undefined, "cloudflare:workers", undefined, undefined],
  )
})

test("every module of Node's is there or absent for a reason", () => {
  for (const name of builtinModules.filter((each) => !each.startsWith("_") && !each.startsWith("node:"))) {
    assert.ok(builtinModule(name) !== undefined || absentBuiltin(`node:${name}`) !== undefined, name)
  }
  assert.equal(absentBuiltin("lodash"), undefined)
})

test("builtinFacade asks the hidden helper for the module's chunk", () => {
  for (const name of builtinNames)
    assert.match(builtinFacade(name, "$p"), /^const \$p_m=\$p_builtin\("\w+","[\w:/]+"\);export default \$p_m;/)
  assert.deepEqual(builtinChunks("node:crypto"), ["builtin:crypto", "builtin:buffer"])
})
