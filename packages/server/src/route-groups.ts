import { accountRoutes } from "./account-routes.ts"
import { approvalRoutes } from "./approval-routes.ts"
import { keyRoutes } from "./auth/key-routes.ts"
import { bridgeRoutes } from "./bridge/bridge-routes.ts"
import { healthRoutes } from "./health-routes.ts"
import { historyRoutes } from "./history-routes.ts"
import { hookRoutes } from "./hook-routes.ts"
import { ledgerRoutes } from "./ledger-route.ts"
import { mcpRoutes } from "./mcp/mcp-routes.ts"
import { pageRoutes } from "./page-routes.ts"
import type { Route } from "./route/route.ts"
import { runRoutes } from "./run-route.ts"
import { sessionRoutes } from "./session/session-route.ts"
import { sandboxApi } from "./sandboxes/sandbox-api.ts"
import { sandboxRoutes } from "./sandbox-routes.ts"
import { secretRoutes } from "./secret-routes.ts"
import { metricsRoutes } from "./telemetry/metrics-routes.ts"
import { workerRoutes } from "./worker-routes.ts"
import { workflowRoutes } from "./workflow-routes.ts"

/** Every route of the API, in the order in which they are documented. A new group is a line here. */
const groups: readonly (readonly Route[])[] = [
  runRoutes,
  historyRoutes,
  workerRoutes,
  sessionRoutes,
  workflowRoutes,
  hookRoutes,
  sandboxRoutes,
  sandboxApi,
  bridgeRoutes,
  ledgerRoutes,
  approvalRoutes,
  secretRoutes,
  accountRoutes,
  mcpRoutes,
  keyRoutes,
  healthRoutes,
  metricsRoutes,
  pageRoutes,
]

export const routes: readonly Route[] = groups.flat()
