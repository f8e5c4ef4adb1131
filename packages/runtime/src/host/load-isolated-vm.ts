// Stands for the package "isolated-vm" in the bundles: inside the jail there is the native file and nothing around it.
import { createRequire } from "node:module"

const { addon } = JSON.parse(process.argv[2] ?? "{}") as { addon: string }
const native = createRequire(addon)(addon) as { ivm: unknown }
export default native.ivm
