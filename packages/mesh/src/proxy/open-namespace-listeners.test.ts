import assert from "node:assert/strict"
import { test } from "node:test"
import { openNamespaceListeners } from "./open-namespace-listeners.ts"

test("a namespace that cannot be entered is an error that says why, not a hang", async () => {
  const ports = [80, 443]
  const failed = { code: "mesh.namespace" }
  await assert.rejects(openNamespaceListeners({ enter: ["/no/such/program"], ports }), { ...failed, message: /ENOENT/ })
  await assert.rejects(openNamespaceListeners({ enter: ["false"], ports }), {
    ...failed,
    message: /ended with 1|EPIPE|closed/,
  })
  const hanging = ["sh", "-c", "exec sleep 1000"]
  await assert.rejects(openNamespaceListeners({ enter: hanging, ports, timeoutMs: 300 }), {
    ...failed,
    message: /SIGKILL/,
  })
})
