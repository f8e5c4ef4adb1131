// @ts-nocheck
import { createPlatform, Sandbox } from "mayfly"
await using platform = await createPlatform({ hosts: 1, isolates: 0, spare: false })
await platform.env.SANDBOX.probe()
const network = { allowedOrigins: ["https://example.com", "http://x.test:80"] }
for (let i = 0; i < 4; i++) {
  process.stderr.write("BEGIN " + (Date.now() / 1000).toFixed(4) + "\n")
  const s = await Sandbox.create({ platform, network })
  process.stderr.write("CREATED " + (Date.now() / 1000).toFixed(4) + "\n")
  await s.exec(["true"])
  process.stderr.write("DONE " + (Date.now() / 1000).toFixed(4) + "\n")
  await s.destroy()
}
