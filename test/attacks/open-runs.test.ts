import { test } from "node:test"
import { holdStubsOf } from "./open-runs.ts"

test("functions from 500 runs of one tenant are held", { timeout: 120_000 }, () => holdStubsOf(500))
