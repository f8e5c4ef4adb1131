import type { LoadChunk } from "../kernel.ts"
import { installKernel } from "../web/installed-kernel.ts"
import { nameClasses } from "../web/name-classes.ts"
import { connect } from "./socket.ts"

/** `cloudflare:sockets`. */
const loadSockets: LoadChunk = (kernel) => {
  installKernel(kernel)
  return { "cloudflare:sockets": nameClasses({ connect }) }
}

export default loadSockets
