export type { Egress, EgressContext, EgressRequest, EgressResponse } from "@mayfly/protocol"
