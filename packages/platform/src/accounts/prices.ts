import type { UsageTotals } from "@mayfly/protocol"

export interface PriceComparison {
  /** When the prices were looked up. */
  readonly asOf: string
  readonly services: readonly ServicePrice[]
}

export interface ServicePrice {
  readonly service: string
  readonly usd: number
  /** What is counted how; base fees, included amounts and traffic are not. */
  readonly assumes: string
  readonly source: string
}

interface Service extends Omit<ServicePrice, "usd"> {
  price(used: UsageTotals): number
}

const hourMs = 3_600_000

/** Published list prices without base fees and included amounts. docs/guides/operating.md says where they come from. */
const services: readonly Service[] = [
  {
    service: "Cloudflare Workers (Standard)",
    assumes: "$0.30 per million runs and $0.02 per million CPU-ms; sandboxes are not part of it",
    source: "https://developers.cloudflare.com/workers/platform/pricing/",
    price: ({ runs, cpuMs }) => (runs * 0.3 + cpuMs * 0.02) / 1e6,
  },
  {
    service: "Vercel Sandbox (Pro)",
    assumes:
      "each run a sandbox of 1 vCPU and 2 GB: $0.128 per hour of active CPU, $0.0212 per GB-hour, $0.60 per million creations",
    source: "https://vercel.com/docs/vercel-sandbox/pricing",
    price: ({ runs, cpuMs, wallMs, sandboxMs, sandboxCpuMs }) =>
      ((cpuMs + sandboxCpuMs) / hourMs) * 0.128 + ((wallMs + sandboxMs) / hourMs) * 2 * 0.0212 + (runs * 0.6) / 1e6,
  },
  {
    service: "E2B",
    assumes: "each run a sandbox of 2 vCPU and 0.5 GiB: $0.0504 per vCPU-hour, $0.0162 per GiB-hour, for its time",
    source: "https://e2b.dev/docs/billing",
    price: ({ wallMs, sandboxMs }) => ((wallMs + sandboxMs) / hourMs) * (2 * 0.0504 + 0.5 * 0.0162),
  },
]

/** What usage would cost at hosted services: an order of magnitude, not a bill. */
export function comparePrices(used: UsageTotals): PriceComparison {
  return {
    asOf: "2026-11-23",
    services: services.map(({ price, ...service }) => ({ ...service, usd: Math.round(price(used) * 1e9) / 1e9 })),
  }
}
