import { scenario } from "./scenario.ts"

// Run by Node, Deno and Bun: the place is the last argument, what was found the last line.
const place = process.argv.at(-1) ?? ""
console.log(JSON.stringify(await scenario(JSON.parse(place))))
