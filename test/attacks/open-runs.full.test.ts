import { test } from "node:test"
import { holdStubsOf } from "./open-runs.ts"

test("functions from 10,000 runs of one tenant are held", { timeout: 600_000 }, () => holdStubsOf(10_000))
