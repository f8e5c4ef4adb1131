// The guest sees what it is given and nothing else: functions and objects of the parent's become stubs.
import assert from "node:assert/strict"
import { createPlatform, DynamicWorker, RpcTarget } from "mayfly"

class Cart extends RpcTarget {
  #items: string[] = []
  add(item: string): number {
    return this.#items.push(item)
  }
  list(): string[] {
    return this.#items
  }
}

await using platform = await createPlatform()
const stock = new Map([["tea", 3]])
const worker = await DynamicWorker.create({
  script: `async (input, env) => {
    const cart = await env.shop.newCart()
    for (const item of input) if (await env.shop.inStock(item)) await cart.add(item)
    await env.onProgress((done) => done + "/" + input.length)
    return await cart.list()
  }`,
  env: {
    shop: { newCart: () => new Cart(), inStock: (item: string) => (stock.get(item) ?? 0) > 0 },
    onProgress: async (describe: (done: number) => Promise<string>) => assert.equal(await describe(2), "2/2"),
  },
  platform,
})
assert.deepEqual(await worker.run(["tea", "gold"]), ["tea"])
