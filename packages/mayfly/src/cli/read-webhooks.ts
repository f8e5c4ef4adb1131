import { readFileSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { createWebhookSecret, type WebhookFailure, type WebhookOptions } from "@mayfly/platform"
import type { DataDirectory } from "@mayfly/server"
import { type Output, paint } from "./output.ts"
import { readTextFile } from "./read-text-file.ts"
import { safeLine } from "./safe-line.ts"

export interface WebhookSettings {
  readonly webhooks: readonly string[]
  readonly webhookSecret?: string | undefined
}

/** The webhooks of `mayfly serve`. A secret that had to be made is kept in the data directory, and printed this once. */
export function readWebhooks(
  settings: WebhookSettings,
  directory: DataDirectory,
  output: Output,
): readonly WebhookOptions[] {
  const { webhooks } = settings
  if (webhooks.length === 0) return []
  const secret = givenSecret(settings) ?? keptSecret(directory, output)
  const onFailure = (failure: WebhookFailure): void => printFailure(output, failure)
  return webhooks.map((url) => ({ url, secret, onFailure }))
}

function givenSecret({ webhookSecret }: WebhookSettings): string | undefined {
  if (webhookSecret === undefined || !webhookSecret.startsWith("@")) return webhookSecret
  return readTextFile("webhookSecret", webhookSecret.slice(1)).trim()
}

function keptSecret(directory: DataDirectory, output: Output): string {
  const path = join(directory.path, "webhook-secret")
  try {
    return readFileSync(path, "utf8").trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error
  }
  const secret = createWebhookSecret()
  // Renamed into place: a crash leaves no half a file. Nobody else writes here while we own the directory.
  writeFileSync(`${path}.new`, `${secret}\n`, { mode: 0o600 })
  renameSync(`${path}.new`, path)
  output.stdout.write(`webhook secret: ${secret}\n`)
  return secret
}

function printFailure(output: Output, { origin, reason }: WebhookFailure): void {
  const text = `warning: events for the webhook ${origin} are lost: ${reason}. Nothing more is said until one has arrived.`
  output.stderr.write(`${paint(output, "stderr", "yellow", safeLine(text))}\n`)
}
