export default {
  run: (input: { name: string }) => `hello ${input.name}`,
  fetch: (request: Request) => new Response(`hello ${new URL(request.url).searchParams.get("name")}`),
}
