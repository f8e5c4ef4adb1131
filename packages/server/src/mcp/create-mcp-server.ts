import { McpServer } from "@modelcontextprotocol/server"
import type { McpOptions } from "./mcp-api.ts"
import { addResources } from "./resources.ts"
import { addRunTool } from "./run-tool.ts"
import { addSandboxTools } from "./sandbox-tools.ts"
import { addWorkflowTools } from "./workflow-tools.ts"

/** A Model Context Protocol server whose tools call the HTTP API with the rights of whoever asked. */
export function createMcpServer(options: McpOptions): McpServer {
  const server = new McpServer(
    { name: "mayfly", title: "Mayfly", version: options.version },
    {
      instructions:
        "Runs code safely: run_code for one program, sandbox_* for shells and files, workflows for what takes long or waits for people.",
    },
  )
  addRunTool(server, options)
  addWorkflowTools(server, options)
  addSandboxTools(server, options)
  addResources(server, options)
  return server
}
