// Copies the scripts and styles of the page /docs beside what was compiled: what is published needs no package for them.
import { copyFileSync, mkdirSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"

const source = dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json"))
const target = join(import.meta.dirname, "dist", "docs")

mkdirSync(target, { recursive: true })
for (const name of ["swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-bundle.js.LICENSE.txt", "LICENSE", "NOTICE"])
  copyFileSync(join(source, name), join(target, name))
