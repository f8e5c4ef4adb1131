import assert from "node:assert/strict"
import { after, it } from "node:test"
import { createPlatform } from "@mayfly/platform"
import { MayflyError } from "@mayfly/protocol"
import { Readiness } from "./readiness.ts"

const platform = await createPlatform({ hosts: 1, spare: false })
after(() => platform.dispose())

it("Readiness wants programs to run and rows to be written", async () => {
  assert.equal(await new Readiness(platform).isReady(), true)
  const full = (): Promise<never> => Promise.reject(new MayflyError("store.failed", "the disk is full"))
  assert.equal(await new Readiness({ ...platform, store: full }).isReady(), false)
  await platform.dispose()
  assert.equal(await new Readiness(platform).isReady(), false)
})
