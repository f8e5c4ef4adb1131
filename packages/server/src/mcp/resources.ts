import { pathSegment } from "@mayfly/protocol"
import { type McpServer, ResourceTemplate } from "@modelcontextprotocol/server"
import type { McpOptions } from "./mcp-api.ts"
import { json } from "./tool-result.ts"

/** The ledger and the logs of runs, as resources. */
export function addResources(server: McpServer, { api }: McpOptions): void {
  const mimeType = "application/json"
  const read = async (
    uri: URL,
    path: string,
  ): Promise<{ contents: { uri: string; mimeType: string; text: string }[] }> => ({
    contents: [{ uri: uri.href, mimeType, text: json(await api.call("GET", path)) }],
  })
  server.registerResource(
    "ledger",
    "mayfly://ledger",
    {
      title: "Ledger",
      description: "The newest requests that programs and sandboxes made or tried, allowed and denied.",
      mimeType,
    },
    (uri) => read(uri, "/v1/ledger?limit=100"),
  )
  server.registerResource(
    "ledger-of-run",
    new ResourceTemplate("mayfly://ledger/{run}", { list: undefined }),
    { title: "Ledger of a run", description: "What one run reached or tried to.", mimeType },
    (uri, { run }) => read(uri, `/v1/ledger?limit=1000&run=${encodeURIComponent(String(run))}`),
  )
  server.registerResource(
    "run",
    new ResourceTemplate("mayfly://runs/{id}", { list: undefined }),
    { title: "A run", description: "Outcome, logs and usage of an earlier run.", mimeType },
    (uri, { id }) => read(uri, `/v1/runs/${pathSegment(String(id))}`),
  )
}
