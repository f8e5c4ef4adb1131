import assert from "node:assert/strict"
import { test } from "node:test"
import { closeNames } from "./close-names.ts"

test("closeNames finds what was meant, best first", () => {
  const names = ["get_weather", "get_forecast", "set_weather", "searchIssues", "x"]
  assert.deepEqual(closeNames("getWeather", names), ["get_weather", "set_weather"])
  assert.deepEqual(closeNames("serchIssues", names), ["searchIssues"])
  assert.deepEqual(closeNames("issues", names), ["searchIssues"])
  assert.deepEqual(closeNames("somethingElseEntirely", ["abc"]), [])
})

test("closeNames takes no longer for a name of a million characters", () => {
  assert.deepEqual(closeNames("x".repeat(1_000_000), ["abc"]), [])
})
