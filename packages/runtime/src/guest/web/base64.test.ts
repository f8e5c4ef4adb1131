import { test } from "node:test"
import { conform, createGuest } from "./isolate-harness.ts"

test("atob and btoa equal Node's", async () => {
  await using guest = await createGuest()
  await conform(guest, {
    btoa: `return ["", "a", "ab", "abc", "\\x00\\xff\\x80", "é", null, undefined, 5].map((t) => btoa(t))`,
    atob: `return ["", "YQ==", "YQ", "YWI=", "YWI", "YWJj", " Y W\\tJ\\nj\\f\\r", "AP+A", "YR==", "null", null, 1234].map((t) => attempt(() => atob(t)))`,
    "not base64": `return ["a", "a===", "YQ=", "=", "====", "YQ==YQ==", "Y=Q=", "-_", "YQ\\u00a0==", "é", "\\u0141AAA", "YWJjZ", "****", "ab*d", "YQ===", "abc\\u0100"].map((t) => attempt(() => atob(t)))`,
    "not latin1": `return ["\\u0100", "a\\u20acb", "\\ud83d\\ude00"].map((t) => attempt(() => btoa(t)))`,
    "no argument": `return [() => atob(), () => btoa()].map(attempt)`,
    "every byte and length": `let all = ""; for (let i = 0; i < 256; i++) all += String.fromCharCode(i); const out = []; for (let n = 0; n < 256; n++) { const t = btoa(all.slice(n)); out.push(t, atob(t) === all.slice(n)) } return out`,
    "one megabyte": `const t = "\\x00\\x10\\x83\\xff".repeat(262144); return [btoa(t).length, atob(btoa(t)) === t]`,
    names: `return [atob.name, btoa.name]`,
  })
})
