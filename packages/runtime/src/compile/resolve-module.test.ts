import assert from "node:assert/strict"
import { test } from "node:test"
import { resolveModule } from "./resolve-module.ts"

const names = new Set(["main.js", "lib/a.ts", "lib/index.js", "data.json", "lodash", "lib/x.mts", "./dotted.js"])
const resolve = (specifier: string, referrer = "main.js"): string | undefined =>
  resolveModule(specifier, referrer, (name) => names.has(name))

test("resolveModule finds what agents take for granted", () => {
  const cases: [string, string, string | undefined][] = [
    ["./lib/a.ts", "main.js", "lib/a.ts"],
    ["./lib/a.js", "main.js", "lib/a.ts"],
    ["./lib/a", "main.js", "lib/a.ts"],
    ["./lib/x.mjs", "main.js", "lib/x.mts"],
    ["./lib", "main.js", "lib/index.js"],
    ["../data.json", "lib/a.ts", "data.json"],
    ["./a", "lib/index.js", "lib/a.ts"],
    ["/main.js", "lib/a.ts", "main.js"],
    ["file:///data.json", "main.js", "data.json"],
    ["lodash", "lib/a.ts", "lodash"],
    ["./dotted.js", "main.js", "./dotted.js"],
    ["lodash/fp", "main.js", undefined],
    ["../main.js", "main.js", undefined],
    ["../../etc/passwd", "lib/a.ts", undefined],
  ]
  for (const [specifier, referrer, expected] of cases) assert.equal(resolve(specifier, referrer), expected, specifier)
})
