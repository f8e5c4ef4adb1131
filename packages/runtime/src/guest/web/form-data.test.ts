import { test } from "node:test"
import { createChunkGuest, sameAsNode } from "./chunk-guest.ts"

test("FormData keeps entries as Node's", async () => {
  await using guest = await createChunkGuest(["fetch"])
  await sameAsNode(
    guest,
    `const form = new FormData()
    form.append("a", 1); form.append("a", "2"); form.append("b\\ud800", new Blob(["x"], { type: "t/u" }));
    form.append("c", new File(["y"], "f", { lastModified: 5 }))
    form.append("d", new Blob(["z"]), "name"); form.append("e", new File(["w"], "old", { lastModified: 6,
      type: "k/l" }), "new")
    const show = async (value) => typeof value === "string" ? value : [value.name, value.type, value instanceof File,
      await value.text()]
    const list = async () => Promise.all([...form].map(async ([name, value]) => [name, await show(value)]))
    const before = await list()
    const seen = []; form.forEach((value, name, all) => seen.push(name, typeof value, all === form))
    form.set("a", "3"); form.set("new", "4"); form.delete("d")
    const failed = (act) => { try { act(); return "no error" } catch (error) { return error.name } }
    return [before, seen, await list(), [...form.keys()], [...form.values()].length, form.has("a"), form.has("d"),
      form.get("none"), form.getAll("a"), form.getAll("none"),
      failed(() => form.append("a")), failed(() => form.append("a", "b", "c")), failed(() => new FormData(1)),
        failed(() => form.forEach()), failed(() => form.get()),
      Object.prototype.toString.call(form), FormData.name]`,
  )
})
