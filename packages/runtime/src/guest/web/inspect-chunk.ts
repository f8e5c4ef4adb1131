import { format, inspect } from "node-inspect-extracted"
import type { LoadChunk } from "../kernel.ts"
import { createTable } from "./console-table.ts"
import { named } from "./define-global.ts"
import { withoutLoadingUrl } from "./url-stand-in.ts"

/** Node's own inspector, extracted. 50 kB, so it is only loaded for what is not plain text. */
const loadInspect: LoadChunk = () => {
  // An instance of a class without a name is shown as a plain object.
  const Probe = named("Probe", class {})
  withoutLoadingUrl(() => inspect(new Probe()))
  return { inspect, format, table: createTable(inspect) }
}

export default loadInspect
