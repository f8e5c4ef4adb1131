import { createHash } from "node:crypto"
import aws4 from "aws4"
import type { HeaderPairs } from "@mayfly/protocol"

export interface AwsKeys {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

export interface AwsScope {
  readonly region: string
  readonly service: string
}

export interface SignedRequest {
  readonly headers: HeaderPairs
  readonly pathAndQuery: string
}

export interface SignableRequest {
  readonly method: string
  /** Host and port as in the Host header. */
  readonly host: string
  readonly pathAndQuery: string
  readonly headers: HeaderPairs
  /** "streamed" when its bytes are not known yet: signed as UNSIGNED-PAYLOAD, which S3 takes over TLS. */
  readonly body: Uint8Array | "streamed" | null
}

/**
 * What to send instead: the request with AWS Signature Version 4. Whatever the guest put where a signature goes is
 * dropped; SDKs sign with the dummy keys that they insist on.
 */
export function signAws(request: SignableRequest, keys: AwsKeys, { region, service }: AwsScope): SignedRequest {
  const kept = request.headers.filter(([name]) => !ofSignature.test(name))
  const pathAndQuery = withoutSignature(request.pathAndQuery)
  const hash = request.body === "streamed" ? "UNSIGNED-PAYLOAD" : sha256(request.body ?? new Uint8Array())
  const { headers = {} } = aws4.sign(
    {
      method: request.method,
      host: request.host,
      path: pathAndQuery,
      // Only these are signed: a header that the connection adds or joins later would break the signature.
      headers: { host: request.host, "x-amz-content-sha256": hash, ...amzHeaders(kept) },
      service,
      region,
    },
    keys,
  )
  const signed = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)] as const)
  const others = kept.filter(([name]) => !name.toLowerCase().startsWith("x-amz-"))
  return { headers: [...others, ...signed.filter(([name]) => name !== "host")], pathAndQuery }
}

const ofSignature = /^(authorization|x-amz-(date|content-sha256|security-token))$/i

function amzHeaders(headers: HeaderPairs): Record<string, string> {
  return Object.fromEntries(
    headers
      .filter(([name]) => name.toLowerCase().startsWith("x-amz-"))
      .map(([name, value]) => [name.toLowerCase(), value]),
  )
}

/** A presigned URL of the guest's would be a second, wrong signature. */
function withoutSignature(pathAndQuery: string): string {
  const [path = "/", ...rest] = pathAndQuery.split("?")
  const query = rest
    .join("?")
    .split("&")
    .filter(
      (pair) =>
        pair !== "" &&
        !/^x-amz-(algorithm|credential|date|expires|signedheaders|signature|security-token)=/i.test(pair),
    )
  return query.length === 0 ? path : `${path}?${query.join("&")}`
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex")
}
