export { type AddressClass, classifyAddress, mayDial } from "./dial/address.ts"
export { dial, type DialOptions } from "./dial/dial.ts"
export { findAddresses, type FindOptions, type FoundAddresses } from "./dial/find-addresses.ts"
export type { Lookup } from "./dial/resolve-addresses.ts"
export { type Attempt, createHttpEgress, type HttpEgress } from "./egress/create-egress.ts"
export type {
  ApprovalRequest,
  Approvals,
  EgressLedger,
  EgressOptions,
  Secrets,
  Timeouts,
} from "./egress/egress-options.ts"
export type { Tunnel } from "./egress/open-tunnel.ts"
export {
  type CanonicalTarget,
  canonicalTarget,
  type Scheme,
  socketTarget,
  type Target,
  type TargetProblem,
  webSocketTarget,
} from "./policy/canonical-target.ts"
export {
  type Allowed,
  type ConnectionVerdict,
  decide,
  decideConnection,
  type Denied,
  type DenyReason,
  type Outbound,
  type Verdict,
} from "./policy/decide.ts"
export { deniedError, type RefusalReason, type Refused } from "./policy/denied-error.ts"
export { expectPolicy, type PolicyExpectation } from "./policy/expect-policy.ts"
export type { HeaderRule } from "./policy/header-rule.ts"
export { beyondPolicy, learnedPolicy, type SeenRequest } from "./policy/learned-policy.ts"
export { narrowPolicy } from "./policy/narrow-policy.ts"
export type { OriginPattern } from "./policy/origin-pattern.ts"
export { parsePolicy, type Policy, type PolicyRule, type Rate } from "./policy/parse-policy.ts"
export { type PolicyChange, PolicyHandle, type PolicyHandleOptions } from "./policy/policy-handle.ts"
export { canonicalPolicy, policyHash } from "./policy/policy-hash.ts"
export { readPolicy } from "./policy/read-policy.ts"
export { type Authority, createAuthority } from "./proxy/certificate-authority.ts"
export { createSandboxProxy, type SandboxProxy } from "./proxy/create-sandbox-proxy.ts"
export { type NetworkNamespace, NetworkNamespaces } from "./proxy/network-namespaces.ts"
export {
  enterNamespace,
  type NamespaceListeners,
  type NamespaceOptions,
  openNamespaceListeners,
  openTransparentListeners,
} from "./proxy/open-namespace-listeners.ts"
export { defaultProxyLimits, type ProxyLimits, type SandboxProxyOptions, type TlsMode } from "./proxy/proxy-options.ts"
export { type ApprovalDesk, type ApprovalsOptions, openApprovals } from "./approvals/approvals.ts"
export { sealSame, unseal } from "./secrets/seal.ts"
export { parseSecretKey, type SecretKey, secretKeyFile } from "./secrets/secret-key.ts"
export type { SecretAlert } from "./secrets/secret-guard.ts"
export { checkSecret, openSecretVault, type SecretVault } from "./secrets/secret-vault.ts"
export type { Approval, ApprovalQuestion, ApprovalScope, Decision, ListApprovals, SecretInfo } from "@mayfly/protocol"
