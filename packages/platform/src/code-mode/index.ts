export { codeTool, type CodeTool, type CodeToolCall, type CodeToolOptions, type CodeToolResult } from "./code-tool.ts"
export type { CodeModeOptions } from "./code-mode-options.ts"
export type { CodeTools, ToolDefinition, ToolDefinitions, ToolNamespace } from "./code-tools.ts"
export { createExecutor } from "./create-executor.ts"
export type {
  ConnectorBinding,
  ExecuteOptions,
  ExecuteResult,
  Executor,
  ResolvedProvider,
  ToolFunction,
} from "./executor.ts"
export type { McpClient, McpTool } from "./mcp-result.ts"
