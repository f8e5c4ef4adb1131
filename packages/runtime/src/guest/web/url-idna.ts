import { installedKernel } from "./installed-kernel.ts"

/** Stands in for the package `tr46`, whose Unicode tables are 420 kB. The host's answer is "" for an invalid domain. */
export function toASCII(domain: string): string | null {
  const ascii = installedKernel().ask("idna", domain)
  return ascii === null || ascii === "" ? null : ascii
}
