import { missing } from "../agent/base-environment.ts"

/** The error for what needs a real system. */
export function unsupported(what: string): Error {
  return missing(
    "ENOTSUP",
    `the provider "virtual" ${what}; create the sandbox with the provider "bubblewrap" or "docker" for that`,
  )
}
