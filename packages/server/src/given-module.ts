import type { DynamicWorkerOptions } from "@mayfly/platform"

/** One entry of `modules`, as the library takes it. */
export type GivenModule = NonNullable<DynamicWorkerOptions["modules"]>[string]
