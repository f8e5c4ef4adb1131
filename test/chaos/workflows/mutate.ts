// Breaks the engine on purpose while it is loaded, so that a test can show that it would notice.
import { registerHooks } from "node:module"

interface Change {
  readonly file: string
  readonly from: string
  readonly to: string
}

const mutations: Readonly<Record<string, readonly Change[]>> = {
  // Results by name and number alone, in the order in which they are asked for.
  unordered: [
    {
      file: "core/delivery.ts",
      from: "    return new Promise((resolve) => this.#asked.set(key, resolve))",
      to: `    const at = this.#queue.findIndex((row) => row.key === key)
    if (at >= 0) return Promise.resolve(this.#queue.splice(at, 1)[0] as JournalRow)
    return new Promise((resolve) => this.#asked.set(key, resolve))`,
    },
  ],
  // A commit whose outcome is not known is made again. The store's own second lock has to go for that to show.
  retried: [
    {
      file: "core/activation.ts",
      from: "const ack = await this.#ports.commit({ ...change, rows, ...(spawn.length > 0 && { spawn }) })",
      to: `const whole = { ...change, rows, ...(spawn.length > 0 && { spawn }) }
      const ack = await this.#ports.commit(whole).catch(() => this.#ports.commit(whole))`,
    },
    { file: "store/migrations.ts", from: "CREATE UNIQUE INDEX workflows_once", to: "CREATE INDEX workflows_once" },
  ],
  // A result is shown before it is durable.
  early: [
    {
      file: "core/attempts.ts",
      from: `if (end.ok) return succeed(work, { ...common, phase: "ok", value: end.value })`,
      to: `if (end.ok) {
      this.#world.early({ ...common, phase: "ok", value: end.value })
      return succeed(work, { ...common, phase: "ok", value: end.value })
    }`,
    },
    {
      file: "core/activation.ts",
      from: "      maxParallel: start.maxParallel,\n",
      to: `      maxParallel: start.maxParallel,
      early: (row) => {
        this.#completed.set(row.key, row)
        this.#deliveryOf(scopeOf(row.key)).push({ ...row, seq: 0, pausedMs: 0 })
        void this.#pump()
      },\n`,
    },
    {
      file: "core/activation.ts",
      from: "if (isResult(row.key)) this.#deliveryOf",
      to: `if (isResult(row.key) && !row.key.startsWith("do:")) this.#deliveryOf`,
    },
  ],
}

const changes = mutations[process.env["MAYFLY_MUTATION"] ?? ""] ?? []
const pending = new Set(changes)

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context)
    const mine = changes.filter(({ file }) => url.endsWith(`/workflows/src/${file}`))
    if (mine.length === 0 || loaded.source === undefined || loaded.source === null) return loaded
    let source = typeof loaded.source === "string" ? loaded.source : Buffer.from(loaded.source as Uint8Array).toString()
    for (const change of mine) {
      // A mutation that changes nothing would prove nothing.
      if (!source.includes(change.from)) throw new Error(`nothing to change in ${change.file}: ${change.from}`)
      source = source.replace(change.from, () => change.to)
      pending.delete(change)
    }
    return { ...loaded, source }
  },
})
