import assert from "node:assert/strict"
import { connect } from "node:net"
import { after, test } from "node:test"
import { openStore } from "@mayfly/store"
import { Sandbox } from "./sandbox.ts"
import { SandboxRegistry } from "./sandbox-registry.ts"
import type { SandboxOptions, SandboxPlatform } from "./sandbox-options.ts"
import { Sandboxes, type SandboxesOptions } from "./sandboxes.ts"

const heldMs = 300

/** What every provider that runs real processes must do. */
export function processSuite(name: string, options: Omit<SandboxesOptions, "store">): void {
  const store = openStore()
  const home = new Sandboxes({ ...options, store: () => store })
  const platform: SandboxPlatform = { env: { SANDBOX: home } }
  const create = (more: SandboxOptions = {}): Promise<Sandbox> => Sandbox.create({ platform, ...more })
  after(async () => {
    await home.dispose()
    await (await store).close()
  })

  test(`${name} a timeout kills the whole tree, whatever it ignores and however it hides`, async () => {
    await using sandbox = await create()
    const hide = [
      "trap '' TERM INT HUP",
      "sleep 1000 &",
      "(setsid sleep 1001 >/dev/null 2>&1 &)",
      "nohup setsid bash -c 'sleep 1002 & sleep 1003' >/dev/null 2>&1 &",
      "(env -i setsid sleep 1004 &)",
      "echo started; wait; sleep 1005",
    ].join("\n")
    const { exitCode, timedOut, stdout } = await sandbox.exec(hide, { timeoutMs: 400 })
    assert.deepEqual([exitCode, timedOut, stdout], [124, true, "started\n"])
    assert.equal(
      (await sandbox.exec("cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -o 'sleep 100[01235]'")).stdout,
      "",
    )
  })

  test(`${name} an abort kills the tree and rejects`, async () => {
    await using sandbox = await create()
    const abort = new AbortController()
    const onOutput = (): void => abort.abort(new Error("enough"))
    await assert.rejects(sandbox.exec("echo go; sleep 2000", { signal: abort.signal, onOutput }), {
      code: "sandbox.aborted",
    })
    assert.equal((await sandbox.exec("grep -l 'sleep.[2]000' /proc/[0-9]*/cmdline")).stdout, "")
    await assert.rejects(sandbox.exec("true", { signal: abort.signal }), { code: "sandbox.aborted" })
  })

  test(`${name} what is left in the background does not hold up the command, and lives on`, async () => {
    await using sandbox = await create()
    const { stdout, exitCode } = await sandbox.exec("(while :; do echo tick; sleep 0.05; done) & echo pid $!; exit 0")
    assert.equal(exitCode, 0)
    const pid = /pid (\d+)/.exec(stdout)?.[1]
    assert.equal((await sandbox.exec(`sleep 0.3; kill -0 ${pid} && echo alive`)).stdout, "alive\n")
  })

  test(`${name} output comes as it is written, in both streams, and waits for a slow reader`, async () => {
    await using sandbox = await create()
    const seen: string[] = []
    const result = await sandbox.exec(
      "echo a; read line; echo b$line >&2; echo c > /dev/stderr; echo d | tee /dev/stderr",
      {
        stdin: "x\n",
        onOutput: async ({ stream, text }) => {
          await new Promise((resolve) => setImmediate(resolve))
          seen.push(`${stream}:${text}`)
        },
      },
    )
    assert.equal(result.stdout, "a\nd\n")
    assert.equal(result.stderr, "bx\nc\nd\n")
    assert.equal(
      seen
        .filter((text) => text.startsWith("stdout"))
        .map((text) => text.slice(7))
        .join(""),
      "a\nd\n",
    )
  })

  test(`${name} output past the cap is thrown away and said to be`, async () => {
    await using sandbox = await create()
    const result = await sandbox.exec("head -c 3000000 /dev/zero; echo end >&2", { maxOutputBytes: 1_000_000 })
    assert.deepEqual([result.stdoutBytes.length, result.stderr, result.truncated], [1_000_000, "end\n", true])
  })

  test(`${name} a process tells its status and logs, waits, and ends with its tree`, async () => {
    await using sandbox = await create()
    const process = await sandbox.spawn("echo one; echo two >&2; read line; echo got $line; sleep 3000 & wait")
    assert.equal(process.status, "running")
    assert.equal(await process.waitForLog("tw"), "two")
    await process.write("word\n")
    assert.equal(await process.waitForLog(/got (\w+)/), "got word")
    const kept: string[] = []
    for await (const { stream, text } of process.logs()) kept.push(`${stream} ${text}`)
    assert.deepEqual(kept.toSorted(), ["stderr two\n", "stdout got word\n", "stdout one\n"])
    await assert.rejects(process.waitForLog("never", { timeoutMs: 20 }), { code: "sandbox.timeout" })
    await assert.rejects(process.waitForExit({ timeoutMs: 20 }), { code: "sandbox.timeout" })
    const followed = (async () => {
      let text = ""
      for await (const chunk of process.logs({ follow: true })) text += chunk.text
      return text
    })()
    await process.kill()
    assert.deepEqual([process.status, process.exitCode], ["killed", 143])
    assert.equal((await followed).length, "one\ntwo\ngot word\n".length)
    await assert.rejects(process.waitForLog("never"), { code: "sandbox.exited" })
    await assert.rejects(process.write("x"), { code: "sandbox.exited" })
    assert.equal((await sandbox.exec("grep -l sleep.[3]000 /proc/[0-9]*/cmdline")).stdout, "")
    const quick = await sandbox.spawn(["sh", "-c", "echo out; exit 4"])
    const { exitCode, stdout } = await quick.output()
    assert.deepEqual([exitCode, stdout, quick.status], [4, "out\n", "exited"])
  })

  test(`${name} files that are held for a backup stand still, and go on after it`, async () => {
    await using sandbox = await create()
    const watch = `const { writeFileSync } = require("fs")
      writeFileSync("now", "")
      let last = Date.now()
      console.log("ready")
      setInterval(() => {
        writeFileSync("now", "x")
        if (Date.now() - last >= ${heldMs - 50}) console.log("stood still")
        last = Date.now()
      }, 1)`
    const process = await sandbox.spawn(["node", "-e", watch])
    await process.waitForLog("ready")
    const registry = await SandboxRegistry.open(await store)
    const record = await registry.get("default", sandbox.id)
    {
      await using held = await home.hold(record?.key ?? "")
      assert.notEqual(held, undefined)
      await new Promise((resolve) => setTimeout(resolve, heldMs))
    }
    assert.equal(await process.waitForLog("stood", { timeoutMs: 20_000 }), "stood still")
    assert.equal((await sandbox.exec("echo on")).stdout, "on\n")
  })

  test(`${name} a stop loses its processes and says so`, async () => {
    const sandbox = await create()
    const process = await sandbox.spawn("sleep 4000")
    const waiting = assert.rejects(process.waitForExit(), { code: "sandbox.stopped" })
    await sandbox.stop()
    await waiting
    assert.equal(process.status, "lost")
    await sandbox.destroy()
  })

  test(`${name} a shell keeps folder, variables, functions; survives errors; is serial`, async () => {
    await using sandbox = await create()
    await using shell = await sandbox.shell({ env: { START: "s" } })
    await shell.exec("mkdir -p a/b; cd a/b; X=1; export Y=2; f() { echo f$1; }; set -o pipefail")
    const { stdout, exitCode, cwd } = await shell.exec("echo $START $X $Y; f 9; pwd; false | true")
    assert.deepEqual([stdout, exitCode, cwd], ["s 1 2\nf9\n/workspace/a/b\n", 1, "/workspace/a/b"])
    assert.equal((await shell.exec("if then")).exitCode, 2)
    assert.match((await shell.exec("echo 'unfinished")).stderr, /unexpected EOF/)
    assert.equal((await shell.exec("cat <<E\nheredoc $X\nE")).stdout, "heredoc 1\n")
    const both = await Promise.all([
      shell.exec("sleep 0.1; echo 1 >> ../order"),
      shell.exec("echo 2 >> ../order; cat ../order"),
    ])
    assert.equal(both[1].stdout, "1\n2\n")
    assert.equal(
      (await shell.exec("head -c 2000000 /dev/zero | wc -c; head -c 2000000 /dev/zero")).stdoutBytes.length,
      2_000_008,
    )
  })

  test(`${name} a shell outlives a timeout and a signal, and tells when it ends`, async () => {
    await using sandbox = await create()
    const shell = await sandbox.shell()
    const late = await shell.exec("X=kept; echo before; sleep 5000", { timeoutMs: 300 })
    assert.deepEqual([late.timedOut, late.exitCode, late.stdout], [true, 124, "before\n"])
    assert.equal((await shell.exec("echo $X")).stdout, "kept\n")
    const interrupted = shell.exec("echo ready; sleep 5001", { onOutput: () => shell.signal("SIGINT") })
    assert.equal((await interrupted).exitCode, 130)
    assert.equal((await shell.exec("sleep 5002 & echo $X")).stdout, "kept\n")
    const end = await shell.exec("echo bye; exit 5")
    assert.deepEqual([end.stdout, end.exitCode, end.ended], ["bye\n", 5, true])
    await assert.rejects(shell.exec("true"), { code: "sandbox.exited" })
  })

  test(`${name} a terminal shows, resizes, interrupts, and is replayed to later viewers`, async () => {
    await using sandbox = await create()
    await using terminal = await sandbox.terminal({ cols: 100, rows: 30, command: ["bash", "--norc"] })
    const until = async (text: string): Promise<string> => {
      let all = ""
      for await (const bytes of terminal.output()) if ((all += Buffer.from(bytes).toString()).includes(text)) break
      return all
    }
    await terminal.write("tty; stty size\n")
    assert.match(await until("30 100"), /\/dev\/pts\/\d/)
    terminal.resize(120, 40)
    await terminal.write(
      "trap 'stty size' WINCH; until [ \"$(stty size)\" = '40 120' ]; do :; done; echo resized-$((1+1))\n",
    )
    await until("resized-2")
    // A process of its own hears the interrupt, whenever it comes; bash itself might not.
    await terminal.write("bash -c 'echo began-$((1+2)); sleep 6000'\n")
    await until("began-3")
    await terminal.write("\x03")
    await terminal.write("echo again-$((2+2))\n")
    const [first, second] = await Promise.all([until("again-4"), until("again-4")])
    assert.ok(first.includes("30 100") && second.includes("30 100"))
    await terminal.write("exit 7\n")
    assert.deepEqual(await terminal.waitForExit(), { exitCode: 7 })
  })

  test(`${name} the last size of a terminal wins, however soon and quickly they come`, async () => {
    await using sandbox = await create()
    await using terminal = await sandbox.terminal({ command: ["bash", "--norc"] })
    for (let rows = 10; rows <= 40; rows++) terminal.resize(100, rows)
    await terminal.write("until [ \"$(stty size)\" = '40 100' ]; do :; done; echo sized-$((1+1)); exit 3\n")
    assert.deepEqual(await terminal.waitForExit(), { exitCode: 3 })
    assert.match(Buffer.from(terminal.snapshot()).toString(), /sized-2/)
  })

  test(`${name} a size that comes before the terminal has its first one wins too`, async () => {
    await using sandbox = await create()
    const slow = '#!/bin/sh\nsleep 0.5\nexec /usr/bin/stty "$@"\n'
    await sandbox.files.write("slow/stty", slow, { mode: 0o755 })
    await using terminal = await sandbox.terminal({
      command: ["bash", "--norc"],
      env: { PATH: "/workspace/slow:/usr/bin:/bin" },
    })
    terminal.resize(100, 40)
    await terminal.write("until [ \"$(/usr/bin/stty size)\" = '40 100' ]; do :; done; exit 3\n")
    assert.deepEqual(await terminal.waitForExit(), { exitCode: 3 })
  })

  test(`${name} ports are waited for and shown, HTTP and WebSocket, to whoever has the address`, async () => {
    await using sandbox = await create()
    const program = `const http = require("http"); const s = http.createServer((q, r) => { r.setHeader("x-host", q.headers.host);
      r.end(q.method + " " + q.url + " " + (q.headers.referer ?? "none")) });
      s.on("upgrade", (q, c) => { c.write("HTTP/1.1 101 Switching Protocols\\r\\nconnection: upgrade\\r\\nupgrade: echo\\r\\n\\r\\n"); c.pipe(c) });
      setTimeout(() => s.listen(4000, "127.0.0.1"), 200)`
    const process = await sandbox.spawn(["node", "-e", program])
    await process.waitForPort(4000, { timeoutMs: 20_000 })
    const { url, port } = await sandbox.expose(4000)
    const { hostname, port: outer } = new URL(url)
    assert.equal(port, 4000)
    const get = async (host: string): Promise<[number, string, string | null]> => {
      const answer = await fetch(`http://127.0.0.1:${outer}/a?b=c`, { headers: { host, referer: url } })
      return [answer.status, (await answer.text()).trim(), answer.headers.get("x-host")]
    }
    // fetch does not send a Host of one's own.
    const raw = (host: string, more = ""): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = connect(Number(outer), "127.0.0.1")
        let text = ""
        socket.on("error", reject).on("close", () => resolve(text))
        socket.on("data", (bytes) => {
          text += bytes.toString()
          if (text.endsWith("ping")) socket.destroy()
          else if (more !== "" && text.includes("101")) socket.write("ping")
        })
        socket.write(
          `GET /a?b=c HTTP/1.1\r\nhost: ${host}\r\nreferer: ${url}\r\n${more || "connection: close\r\n"}\r\n`,
        )
      })
    assert.equal((await get("x"))[0], 404)
    assert.match(await raw(`${hostname}:${outer}`), /x-host: localhost:4000[^]*GET \/a\?b=c none/)
    assert.match(await raw(hostname, "connection: upgrade\r\nupgrade: echo\r\n"), /101 Switching[^]*ping$/)
    assert.match(
      await raw(hostname.replace(/(.)\.localhost/, (_, last) => `${last === "x" ? "y" : "x"}.localhost`)),
      /^HTTP\/1.1 404/,
    )
    await process.kill()
    assert.match(await raw(hostname), /^HTTP\/1.1 502/)
    assert.equal((await sandbox.expose(4000)).url, url)
    await sandbox.unexpose(4000)
    assert.match(await raw(hostname), /^HTTP\/1.1 404/)
    await assert.rejects(sandbox.expose(0), { code: "input.invalid" })
  })

  test(`${name} code keeps its state, per context, in Python, JavaScript and TypeScript`, async () => {
    await using sandbox = await create()
    const python = await sandbox.runCode(
      "python",
      "import sys\nx = 6\nprint('out')\nprint('err', file=sys.stderr)\n{'a': x}",
    )
    assert.deepEqual(python, {
      results: [{ json: { a: 6 }, text: "{'a': 6}", isResult: true }],
      stdout: "out\n",
      stderr: "err\n",
      error: null,
    })
    assert.equal((await sandbox.runCode("python", "x * 7")).results[0]?.text, "42")
    const other = await sandbox.runCode("python", "x", { context: "other" })
    assert.deepEqual([other.error?.name, other.error?.message], ["NameError", "name 'x' is not defined"])
    const html = await sandbox.runCode("python", "class H:\n  def _repr_html_(self): return '<b>h</b>'\ndisplay(H())")
    assert.equal(html.results[0]?.html, "<b>h</b>")
    const forms = await sandbox.runCode(
      "python",
      "class All:\n" +
        "  def _repr_png_(self): return bytes([137, 80, 78, 71])\n" +
        "  def _repr_svg_(self): return '<svg/>'\n" +
        "  def _repr_markdown_(self): return '# m'\n" +
        "  def __repr__(self): return 'all'\n" +
        "All()",
    )
    assert.deepEqual(forms.results, [{ text: "all", png: "iVBORw==", svg: "<svg/>", markdown: "# m", isResult: true }])
    await sandbox.runCode("javascript", "const a = await Promise.resolve(20); console.log('log')")
    const javascript = await sandbox.runCode("javascript", "const a2 = a + 1; const b = a2 * 2; ({ b })")
    assert.deepEqual(javascript.results, [{ text: "{ b: 42 }", json: { b: 42 }, isResult: true }])
    assert.equal((await sandbox.runCode("javascript", "const a = 1; a")).results[0]?.text, "1")
    const thrown = await sandbox.runCode("javascript", "throw new RangeError('no')")
    assert.deepEqual([thrown.error?.name, thrown.error?.message], ["RangeError", "no"])
    assert.equal(
      (await sandbox.runCode("typescript", "enum E { A = 5 }; const n: number = E.A; n")).results[0]?.text,
      "5",
    )
    const late = await sandbox.runCode("python", "while True: pass", { timeoutMs: 300 })
    assert.equal(late.error?.name, "TimeoutError")
    assert.equal((await sandbox.runCode("python", "1 + 1")).results[0]?.text, "2")
    await assert.rejects(sandbox.runCode("ruby" as never, "1"), { code: "input.invalid" })
  })

  test(`${name} git clones, and says why not`, async () => {
    await using sandbox = await create()
    await sandbox.exec(
      "git init -q origin && cd origin && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m first",
      {},
    )
    const { path } = await sandbox.git.clone("file:///workspace/origin", { dir: "copy" })
    assert.equal(path, "/workspace/copy")
    assert.match((await sandbox.exec("git log --oneline", { cwd: path })).stdout, /first/)
    await assert.rejects(sandbox.git.clone("file:///nowhere/none"), { code: "sandbox.git" })
    await assert.rejects(sandbox.git.clone("ext::sh -c id"), { code: "input.invalid" })
    await assert.rejects(sandbox.git.clone("--upload-pack=id"), { code: "input.invalid" })
  })

  test(`${name} nothing can be reached without a way out`, async () => {
    await using sandbox = await create()
    const reach = `import socket
for place in ("127.0.0.1", 22), ("192.0.2.1", 80), ("169.254.169.254", 80), ("1.1.1.1", 53):
    s = socket.socket(); s.settimeout(2)
    try: s.connect(place); print("reached", place)
    except OSError as e: print(e.errno)`
    assert.deepEqual((await sandbox.exec(["python3", "-c", reach])).stdout.split("\n").slice(1, 4), [
      "101",
      "101",
      "101",
    ])
  })
}
