import type { Kernel } from "../kernel.ts"
import { defineLazily, named } from "./define-global.ts"

/** Says the same everywhere: what the machine is like is no business of guest code. */
const createNavigator = () =>
  class {
    get userAgent(): string {
      return "Mayfly"
    }
    get hardwareConcurrency(): number {
      return 1
    }
    get language(): string {
      return "en-US"
    }
    get languages(): readonly string[] {
      return Object.freeze(["en-US"])
    }
  }

export function installNavigator(kernel: Kernel): void {
  defineLazily(kernel, ["Navigator", "navigator"], () => {
    const Navigator = named("Navigator", createNavigator())
    return { Navigator, navigator: new Navigator() }
  })
}
