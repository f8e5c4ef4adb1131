/** Browsers can't send an Authorization header with a WebSocket; they offer `mayfly` and `bearer.mf_…` as subprotocols. */
export const protocolName = "mayfly"
export const bearerPrefix = "bearer."
