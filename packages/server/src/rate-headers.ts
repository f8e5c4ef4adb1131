import type { RateState } from "@mayfly/platform"
import type { Call } from "./route/call.ts"

/**
 * Begins something of a tenant's that counts against its rate, and says with the answer how it stands with it (IETF draft-ietf-httpapi-ratelimit-headers).
 * What may not begin is refused before anything is compiled for it.
 */
export async function withRate<Answer>(
  { c, server }: Call,
  tenant: string,
  work: () => Promise<Answer>,
): Promise<Answer> {
  const { tenants } = server.platform
  const tell = async (): Promise<void> => {
    const rate = await tenants.rate(tenant)
    if (rate === undefined) return
    const { policy, state } = rateHeaders(rate)
    c.header("RateLimit-Policy", policy)
    c.header("RateLimit", state)
  }
  await tell()
  await tenants.mayBegin(tenant)
  try {
    return await work()
  } finally {
    await tell()
  }
}

export function rateHeaders({ limit, windowMs, remaining, resetMs }: RateState): {
  readonly policy: string
  readonly state: string
} {
  const seconds = (ms: number): number => Math.ceil(ms / 1_000)
  return { policy: `"runs";q=${limit};w=${seconds(windowMs)}`, state: `"runs";r=${remaining};t=${seconds(resetMs)}` }
}
