import type { TenantSandboxOptions } from "@mayfly/platform"
import type { NetworkPolicy } from "@mayfly/protocol"
import { z } from "zod"
import { type Route, route } from "../route/route.ts"
import { sandboxOf, sandboxParams } from "../sandbox-of.ts"
import { opaque, tenantQuery } from "../schema/common.ts"
import { networkPolicy } from "../schema/network.ts"
import { sandboxInfo, sandboxRequest } from "../schema/sandbox.ts"
import { given } from "./given-parts.ts"

const common = {
  scope: "sandboxes",
  tag: "Sandboxes",
  place: "sandboxes",
  params: sandboxParams,
  query: tenantQuery,
} as const
const figure = z.number().nullable()

type ForkOptions = Omit<TenantSandboxOptions, "from">

/** What is done with a sandbox as a whole. */
export const stateRoutes: readonly Route[] = [
  route({
    ...common,
    method: "post",
    path: "/v1/sandboxes/:id/stop",
    summary: "End all processes; files stay, and the next call starts it again",
    answer: { description: "It has stopped." },
    errors: ["sandbox.not-found"],
    handle: async (call) => (await sandboxOf(call)).stop(),
  }),
  route({
    ...common,
    method: "post",
    path: "/v1/sandboxes/:id/fork",
    summary: "Make another sandbox that begins with these files and goes its own way",
    description: "What is not given is as in the original.",
    body: sandboxRequest.omit({ tenant: true, from: true }),
    isBodyOptional: true,
    answer: { status: 201, description: "The other one.", json: sandboxInfo },
    errors: ["sandbox.not-found", "sandbox.exists", "sandbox.disk-full"],
    handle: async (call) => (await (await sandboxOf(call)).fork(given(call.body) as ForkOptions)).info(),
  }),
  route({
    ...common,
    method: "get",
    path: "/v1/sandboxes/:id/stats",
    summary: "What it uses now; one that sleeps is not woken",
    answer: {
      description: "Figures of the kernel's, null where it does not tell.",
      json: z.object({ memoryBytes: figure, cpuMs: figure, processes: figure, diskBytes: figure }),
    },
    errors: ["sandbox.not-found"],
    handle: async (call) => (await sandboxOf(call)).stats(),
  }),
  route({
    ...common,
    method: "post",
    path: "/v1/sandboxes/:id/env",
    summary: "Set variables of later commands",
    body: z.strictObject({ env: z.record(z.string(), z.string().nullable()).describe("null: no such variable") }),
    answer: { description: "They are set." },
    errors: ["sandbox.not-found"],
    handle: async (call) => (await sandboxOf(call)).env.set(call.body.env),
  }),
  route({
    ...common,
    method: "get",
    path: "/v1/sandboxes/:id/policy",
    summary: "What it may reach",
    answer: { description: "Its policy.", json: z.object({ network: networkPolicy }) },
    errors: ["sandbox.not-found"],
    handle: async (call) => ({ network: (await (await sandboxOf(call)).info()).network }),
  }),
  route({
    ...common,
    method: "put",
    path: "/v1/sandboxes/:id/policy",
    summary: "Change what it may reach, also while it runs",
    body: z.strictObject({ network: opaque(networkPolicy) }),
    answer: {
      description: "It holds from the next request on; connections that are open and no more allowed are closed.",
    },
    errors: ["sandbox.not-found", "mesh.namespace"],
    handle: async (call) => (await sandboxOf(call)).setPolicy(call.body.network as NetworkPolicy),
  }),
  route({
    ...common,
    method: "post",
    path: "/v1/sandboxes/:id/git/clone",
    summary: "Clone a repository",
    body: z.strictObject({
      url: z.string(),
      dir: z.string().optional(),
      branch: z.string().optional(),
      depth: z.int().optional(),
      timeoutMs: z.number().optional(),
    }),
    answer: { description: "Where it is.", json: z.object({ path: z.string() }) },
    errors: ["sandbox.not-found", "sandbox.git"],
    handle: async (call) => {
      const { url, ...options } = call.body
      return (await sandboxOf(call)).git.clone(url, { ...given(options), signal: call.signal })
    },
  }),
]
