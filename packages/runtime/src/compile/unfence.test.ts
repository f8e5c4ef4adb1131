import assert from "node:assert/strict"
import { test } from "node:test"
import { parses } from "./parse.ts"
import { unfence } from "./unfence.ts"

const isProgram = (text: string): boolean => parses(text, "js") || parses(text, "ts")

test("unfence takes the program out of a Markdown answer", () => {
  const cases: [string, { code: string; language: "javascript" | "typescript" | undefined }][] = [
    ["```js\nreturn 1\n```", { code: "return 1", language: "javascript" }],
    ["```ts\nconst a: number = 1\n```\n", { code: "const a: number = 1", language: "typescript" }],
    ["\n```\n1 + 1\n```", { code: "1 + 1", language: undefined }],
    ["Here you are:\n\n```typescript\nlet a\n```\nHave fun!", { code: "let a", language: "typescript" }],
    // Parses as a label and an empty template, tagged.
    ["Here:\n```js\n1\n```\nbye", { code: "1", language: "javascript" }],
    ["~~~javascript\n2\n~~~", { code: "2", language: "javascript" }],
    ["First\n```bash\nnpm i\n```\nthen\n```js\nrun()\n```", { code: "run()", language: "javascript" }],
    ["```js\ncut off in the middle(", { code: "cut off in the middle(", language: "javascript" }],
    ["````js\nconst fence = '```'\n````", { code: "const fence = '```'", language: "javascript" }],
  ]
  for (const [text, expected] of cases) assert.deepEqual(unfence(text, isProgram), expected, text)
})

test("unfence leaves programs alone that hold backticks", () => {
  const programs = [
    'const fence = "```"\nexport default () => fence',
    "/*\n```js\nexample()\n```\n*/\nexport default () => 1",
    "const text = `\n\\`\\`\\`js\ncode\n\\`\\`\\`\n`\ntext.length",
    "export default (t) => t.match(/^```(\\w*)/m)",
  ]
  for (const program of programs) assert.deepEqual(unfence(program, isProgram), { code: program, language: undefined })
})
