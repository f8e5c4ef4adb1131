/** One hostile program. It is held when its result is "held", or it fails by itself or by the policy; a greedy one when a limit ends it. */
export interface Attack {
  readonly name: string
  readonly script: string
  /** It takes without end, so a limit has to end it: which one comes first depends on how busy the machine is. */
  readonly isGreedy?: true
}

/** A few of the hundreds of test/attacks, the quick ones, for whoever has no checkout. `input.port` is a server of this machine's that nobody may reach. */
export const attacks: readonly Attack[] = [
  { name: "endless loop", script: "for (;;);", isGreedy: true },
  { name: "endless chain of promises", script: "for (;;) await 0", isGreedy: true },
  { name: "regular expression that never ends", script: 'return /^(a+)+$/.test("a".repeat(60) + "b")', isGreedy: true }, // oxfmt-ignore
  { name: "waiting for ever", script: "setInterval(() => {}, 50); await new Promise(() => {})", isGreedy: true }, // oxfmt-ignore
  { name: "objects without end", script: "const all = []; for (;;) all.push({ all: [all.length] })", isGreedy: true }, // oxfmt-ignore
  { name: "buffers without end", script: "const all = []; for (;;) all.push(new Uint8Array(1 << 24).fill(1))", isGreedy: true }, // oxfmt-ignore
  { name: "a result that is too large", script: 'return "x".repeat(1 << 26)', isGreedy: true }, // oxfmt-ignore
  { name: "console lines without end", script: 'for (;;) console.log("x".repeat(1 << 16))', isGreedy: true }, // oxfmt-ignore
  { name: "files of the machine", script: 'const fs = await import("node:fs"); return fs.readFileSync("/etc/passwd", "utf8")' }, // oxfmt-ignore
  { name: "a process", script: 'const all = await import("node:child_process"); return String(all.execSync("id"))' },
  { name: "the host's process object", script: 'const found = Function("return globalThis.process")(); return found?.pid > 0 || found?.binding ? "not held" : "held"' }, // oxfmt-ignore
  { name: "out by a function of env", script: 'const found = env.give.constructor.constructor("return globalThis.process")(); return found?.pid > 0 ? "not held" : "held"' }, // oxfmt-ignore
  { name: "environment variables", script: 'return Object.keys(globalThis.process?.env ?? {}).includes("PATH") ? "not held" : "held"' }, // oxfmt-ignore
  ...["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0x7f000001", "127.1", "0.0.0.0"].map((host) => ({
    name: `a server of this machine, as ${host}`,
    script: `const answer = await fetch("http://${host}:" + input.port); return "not held: " + answer.status`,
  })),
  { name: "a raw connection", script: 'const { connect } = await import("cloudflare:sockets"); await connect("127.0.0.1:" + input.port).opened; return "not held"' }, // oxfmt-ignore
  { name: "a trap for the next run", script: 'if (globalThis.trap !== undefined || [].trap !== undefined) return "not held"; globalThis.trap = 1; Array.prototype.trap = 1; return "held"' }, // oxfmt-ignore
]
