import { format, inspect } from "node-inspect-extracted"
import type { LoadChunk } from "../kernel.ts"
import { createTable } from "./console-table.ts"
import { withoutLoadingUrl } from "./url-stand-in.ts"

/** Node's own inspector, extracted. 50 kB, so it is only loaded for what is not plain text. */
const loadInspect: LoadChunk = () => {
  withoutLoadingUrl(() => inspect(new (class Probe {})()))
  return { inspect, format, table: createTable(inspect) }
}

export default loadInspect
