import type { Command } from "commander"

/** What every command takes that talks to the API. */
export interface ApiFlags {
  readonly data?: string
  readonly url?: string
  readonly profile?: string
  readonly tenant?: string
  readonly json?: boolean
}

/** Said once, so that a word means the same everywhere. */
export const apiOptions = [
  ["--data <DIR>", "data directory of this machine (default: MAYFLY_DATA, else ./.mayfly)"],
  ["--url <URL>", "a server in place of a directory (default: MAYFLY_URL); its key is in MAYFLY_KEY"],
  ["--profile <NAME>", "a server that `mayfly login` keeps (default: MAYFLY_PROFILE)"],
  ["--tenant <NAME>", "for which tenant (default: the key's, else default; ledger, approvals, keys, runs, usage: all)"],
  ["--json", "print JSON: one object, or one per line of a list"],
] as const

/** Gives a command the options of the API, in one order and with one wording. */
export function withApiOptions(command: Command): Command {
  for (const [flags, description] of apiOptions) command.option(flags, description)
  return command
}
