import { after } from "node:test"
import { createPlatform } from "@mayfly/platform"
import { testFloods } from "./floods.ts"

const platform = await createPlatform()
after(() => platform.dispose())

testFloods(platform, (items) => items)
