export type {
  Egress,
  EgressContext,
  EgressRequest,
  EgressResponse,
  EgressSocket,
  EgressWebSocket,
  HeaderPairs,
} from "@mayfly/protocol"
