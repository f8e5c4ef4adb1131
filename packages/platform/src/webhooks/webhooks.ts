import type { ApprovalDesk, SecretAlert } from "@mayfly/mesh"
import type { Tenants } from "../accounts/tenants.ts"
import type { ParsedWebhook } from "./webhook-options.ts"
import { WebhookSender } from "./webhook-sender.ts"

export interface WebhookSources {
  readonly approvals: Pick<ApprovalDesk, "onQuestion" | "onDecision">
  readonly tenants: Pick<Tenants, "onAlert">
  onAlert(listener: (alert: SecretAlert) => void): () => void
}

/** Tells webhooks what happens, from now on. Gives what ends it. */
export function startWebhooks(
  webhooks: readonly ParsedWebhook[],
  { approvals, tenants, onAlert }: WebhookSources,
): () => Promise<void> {
  const stops = webhooks.map((webhook) => {
    const sender = new WebhookSender(webhook)
    const ends = [
      approvals.onQuestion((data) => sender.send({ type: "approval.asked", data })),
      approvals.onDecision((data) => sender.send({ type: "approval.decided", data })),
      tenants.onAlert((data) => sender.send({ type: "budget.reached", data })),
      onAlert((data) => sender.send({ type: "secret.alert", data })),
    ]
    return async (): Promise<void> => {
      for (const end of ends) end()
      await sender.close()
    }
  })
  return async () => void (await Promise.all(stops.map((stop) => stop())))
}
