import { test } from "node:test"
import { damageLastPages, fill, numbers, seed } from "./damaged.fixture.ts"
import { newFolder } from "./engine.fixture.ts"

test("a hundred kinds of damage to the last pages are told, or change nothing", { timeout: 600_000 }, async () => {
  const directory = newFolder()
  await fill(directory)
  const random = numbers(seed)
  for (let n = 0; n < 100; n++) await damageLastPages(directory, random)
})
