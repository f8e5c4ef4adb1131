export { BubblewrapProvider, type BubblewrapOptions } from "./bubblewrap/bubblewrap-provider.ts"
export { type DockerOptions, DockerProvider } from "./docker/docker-provider.ts"
export { providerNames } from "./sandbox-providers.ts"
export { VirtualProvider } from "./virtual/virtual-provider.ts"
export { missingSandboxNeeds, type SandboxNeed } from "./bubblewrap/sandbox-needs.ts"
export { provideDefaultSandboxes } from "./default-sandboxes.ts"
export type { ExecOptions, ExecResult } from "./exec-command.ts"
export type { PreviewBase, Previews } from "./previews.ts"
export { Sandbox, type TerminalOptions } from "./sandbox.ts"
export type { EgressAttachment, EgressTarget, PreparedEgress, SandboxEgress, SandboxFetch } from "./sandbox-egress.ts"
export type { AwakeSandbox, SandboxGovernor } from "./sandbox-governor.ts"
export type { FileContent, SandboxFiles } from "./sandbox-files.ts"
export { sandboxLimitTable } from "./sandbox-limits.ts"
export type { SandboxOptions, SandboxPlatform } from "./sandbox-options.ts"
export type { SandboxProcess } from "./sandbox-process.ts"
export type * from "./sandbox-provider.ts"
export { Sandboxes, type SandboxesOptions } from "./sandboxes.ts"
export { TenantSandboxes, type TenantSandboxOptions } from "./tenant-sandboxes.ts"
export type { SandboxShell, ShellResult } from "./sandbox-shell.ts"
export type { SandboxTerminal } from "./sandbox-terminal.ts"
export type {
  PackOptions,
  CodeContextInfo,
  CodeExecution,
  CodeLanguage,
  CodeResult,
  RunCodeOptions,
  Command,
  CloneOptions,
  SandboxStatus,
  Exposure,
  SandboxInfo,
  SandboxSummary,
  SpawnOptions,
  SandboxLimits,
  LogChunk,
  LogOptions,
  ProcessEnd,
  ProcessStatus,
  WaitOptions,
  SnapshotInfo,
} from "@mayfly/protocol"
