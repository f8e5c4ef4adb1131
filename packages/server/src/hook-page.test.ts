import assert from "node:assert/strict"
import { test } from "node:test"
import { messagePage, questionPage } from "./hook-page.ts"

const hostile = `"><script>alert(1)</script><img src=x onerror='x'>&`

test("questionPage and messagePage escape every text", () => {
  const pages = [
    questionPage({ id: hostile, step: hostile, type: hostile, prompt: hostile }),
    messagePage(hostile, hostile),
  ]
  for (const page of pages) {
    assert.doesNotMatch(page, /<script|<img/)
    assert.match(page, /&quot;&gt;&lt;script&gt;alert\(1\)&lt;\/script&gt;&lt;img src=x onerror=&#39;x&#39;&gt;&amp;/)
  }
})
