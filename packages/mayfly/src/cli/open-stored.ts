import { existsSync } from "node:fs"
import { join } from "node:path"
import type { DataDirectory, Platform } from "@mayfly/platform"

/**
 * Opens every part that an earlier life has left something of, and so brings its rows up to date: what a newer version has changed is refused at the start, not when
 * somebody needs it. Rejects with `store.newer`, `store.migration-changed`.
 */
export async function openStored(platform: Platform, { path }: DataDirectory): Promise<void> {
  if (!existsSync(join(path, "mayfly.db"))) return
  const hasSandboxes = existsSync(join(path, "sandboxes"))
  await Promise.all([
    platform.lackingCode()[Symbol.asyncIterator]().next(),
    platform.tenants.list(),
    platform.approvals.list(),
    platform.secrets.list("default"),
    platform.workers("default").list(),
    hasSandboxes ? platform.env.SANDBOX.list() : [],
  ])
}
