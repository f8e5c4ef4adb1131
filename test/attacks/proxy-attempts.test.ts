import assert from "node:assert/strict"
import { test } from "node:test"
import { proxyOnLoopback } from "./proxy-on-loopback.ts"
import { serveHttp } from "./upstream.ts"

test("a sandbox that tries without end is refused when its budget is used up, and fills no ledger", async (t) => {
  const port = await serveHttp(t, (_request, response) => void response.end("reached"))
  const origin = `http://good.example:${port}`
  const net = await proxyOnLoopback(t, { policy: { allowedOrigins: [origin] }, limits: { attemptsPerMinute: 10 } })
  const get = (url: string, host: string): Promise<string> =>
    net.say(`GET ${url} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  for (let count = 0; count < 5; count++) assert.match(await get(`${origin}/`, origin.slice(7)), /reached$/)
  for (let count = 0; count < 5; count++) assert.equal(await net.tunnel("evil.example:443"), 403)
  const flood = await Promise.all(
    Array.from({ length: 50 }, async (_, count) => {
      if (count % 3 === 0) return String(await net.tunnel("evil.example:443"))
      if (count % 3 === 1) return `socks ${await net.socks("evil.example", 443)}`
      return (await get(`${origin}/`, origin.slice(7))).slice(9, 12)
    }),
  )
  assert.deepEqual([...new Set(flood)].toSorted(), ["429", "socks 2"])
  assert.match(await get(`${origin}/`, origin.slice(7)), /retry-after: \d[^]*mesh\.rate-limited/i)
  assert.deepEqual(net.rows.map(({ reason }) => reason ?? "allowed").toSorted(), [
    "allowed",
    "allowed",
    "allowed",
    "allowed",
    "allowed",
    "attempts",
    ...Array.from({ length: 5 }, () => "no-rule"),
  ])
})
