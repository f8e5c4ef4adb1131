import type { Kernel } from "../kernel.ts"

/** Test support: puts what only the driver may use on the global object. */
export function install(kernel: Kernel): void {
  for (const name of ["requestFromWire", "responseToWire"]) {
    kernel.define(name, (value: unknown) => Reflect.get(kernel.chunk<object>("fetch"), name)(value))
  }
}
