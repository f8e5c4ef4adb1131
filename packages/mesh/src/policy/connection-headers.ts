/**
 * Headers that belong to the connection and not to the request. A guest that could set them would speak to proxies,
 * smuggle requests or pose as another host.
 */
export const connectionHeaders: ReadonlySet<string> = new Set([
  "accept-encoding",
  "connection",
  "content-length",
  "expect",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
])

/**
 * Headers by which some servers and frameworks take another method or path than the request's: with them a request that may only be a POST, or
 * only go to "/v1", would be whatever the guest wants. Left out where a rule, or a person, looked at method or path.
 */
export const overridingHeaders: readonly string[] = [
  "x-http-method",
  "x-http-method-override",
  "x-method-override",
  "x-original-url",
  "x-original-uri",
  "x-rewrite-url",
  "x-forwarded-uri",
  "x-forwarded-prefix",
]
