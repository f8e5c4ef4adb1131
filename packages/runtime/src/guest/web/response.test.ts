import { test } from "node:test"
import { createChunkGuest, sameAsNode } from "./chunk-guest.ts"

const failed = `const failed = (act) => { try { act(); return "no error" } catch (error) { return error.name } }`

test("Response has the properties of Node's", async () => {
  await using guest = await createChunkGuest(["fetch", "url", "streams"])
  await sameAsNode(
    guest,
    `const show = async (response) => [response.status, response.statusText, response.ok, response.type,
      response.url, response.redirected, [...response.headers], await response.text(), response.body === null]
    const responses = [new Response(), new Response("x"), new Response(null, { status: 204 }), new Response("x",
      { status: 404, statusText: "Nö", headers: [["a", "b"]] }), new Response("x", { status: "299" }),
      new Response("x", { headers: { "Content-Type": "text/html" } }), new Response(null, null),
        Response.json({ a: 1 }), Response.json(null, { status: 201, headers: { "content-type": "a/b" } }),
      Response.redirect("http://é/x y"), Response.redirect("http://a", 308), Response.error(),
        Response.json("é").clone(), new Response("x", { status: 65536 + 200 })]
    return [await Promise.all(responses.map(show)), Object.prototype.toString.call(responses[0]), Response.name,
      Response.json.length >= 1]`,
  )
})

test("Response refuses what Node's refuses", async () => {
  await using guest = await createChunkGuest(["fetch", "url", "streams"])
  await sameAsNode(
    guest,
    `${failed}
    return [() => new Response("x", { status: 204 }), () => new Response("", { status: 304 }),
      () => new Response("x", { status: 199 }), () => new Response("x", { status: 600 }), () => new Response("x",
        { status: NaN }),
      () => new Response("x", { statusText: "a\\nb" }), () => new Response("x", { statusText: "€" }),
        () => new Response("x", 5), () => Response.json(undefined), () => Response.json(() => 1),
          () => Response.json(1n),
      () => Response.redirect("/x"), () => Response.redirect("http://a", 200), () => Response.json({},
        { status: 204 }), () => Response("x"), () => Reflect.get(Response.prototype, "status", {}),
      () => new Response(Symbol()), () => { const circular = {}; circular.self = circular; Response.json(circular) },
        () => new Response("x", { headers: 1 })].map(failed)`,
  )
})
