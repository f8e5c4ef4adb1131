import type { Kernel } from "../kernel.ts"
import { installConsole } from "./console.ts"

/** Installs its global itself. */
export default function loadConsole(kernel: Kernel): Record<string, unknown> {
  installConsole(kernel)
  return {}
}
