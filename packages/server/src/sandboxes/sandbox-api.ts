import type { Route } from "../route/route.ts"
import { codeRoutes } from "./code-routes.ts"
import { fileRoutes } from "./file-routes.ts"
import { portRoutes } from "./port-routes.ts"
import { processRoutes } from "./process-routes.ts"
import { shellRoutes } from "./shell-routes.ts"
import { snapshotRoutes } from "./snapshot-routes.ts"
import { stateRoutes } from "./state-routes.ts"
import { terminalRoutes } from "./terminal-routes.ts"

/** `/v1/sandboxes/:id/…`, besides commands and the bytes of files. */
export const sandboxApi: readonly Route[] = [
  ...stateRoutes,
  ...processRoutes,
  ...shellRoutes,
  ...terminalRoutes,
  ...portRoutes,
  ...snapshotRoutes,
  ...codeRoutes,
  ...fileRoutes,
]
