/** What every contender runs, and what it must answer for it: `{ sum: 3 }`. */
export const input = { a: 1, b: 2 }
const main = `export default (input) => ({ sum: input.a + input.b })\n`

/** The program, filled up to about `kiloBytes` with functions that it does not call, as generated code tends to be. */
export function programOf(kiloBytes: number): string {
  let text = main
  for (let index = 0; text.length < kiloBytes * 1_024; index++) text += helper(index)
  return text
}

function helper(index: number): string {
  return `export function helper${index}(values, options = { limit: ${index} }) {
  const kept = []
  for (const value of values) {
    if (typeof value !== "number" || value > options.limit) continue
    kept.push({ id: \`item-\${value}\`, score: Math.round(value * ${index % 97}) / 100, tags: ["a", "b", "${index}"] })
  }
  return kept.sort((one, other) => other.score - one.score).map(({ id, score }) => \`\${id}: \${score}\`).join(", ")
}
`
}
