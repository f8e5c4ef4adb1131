import assert from "node:assert/strict"
import { createHash, createHmac } from "node:crypto"
import { test } from "node:test"
import { signAws, type SignableRequest } from "./sign-aws.ts"

const keys = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" }
const scope = { region: "us-east-1", service: "s3" }
const emptyHash = createHash("sha256").digest("hex")

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest()
}

/** Signature Version 4 as its specification computes it, for requests with an empty query. */
function expectedSignature(request: SignableRequest, signed: Record<string, string>): string {
  const names = Object.keys(signed).toSorted()
  const canonical = [
    request.method,
    request.pathAndQuery,
    "",
    ...names.map((name) => `${name}:${signed[name]}`),
    "",
    names.join(";"),
    signed["x-amz-content-sha256"],
  ].join("\n")
  const date = signed["x-amz-date"] ?? ""
  const credential = `${date.slice(0, 8)}/us-east-1/s3/aws4_request`
  const text = ["AWS4-HMAC-SHA256", date, credential, createHash("sha256").update(canonical).digest("hex")].join("\n")
  const key = hmac(hmac(hmac(hmac(`AWS4${keys.secretAccessKey}`, date.slice(0, 8)), "us-east-1"), "s3"), "aws4_request")
  return `AWS4-HMAC-SHA256 Credential=${keys.accessKeyId}/${credential}, SignedHeaders=${names.join(";")}, Signature=${hmac(key, text).toString("hex")}`
}

function signedHeaders(...args: Parameters<typeof signAws>): Record<string, string> {
  return Object.fromEntries(signAws(...args).headers)
}

const request: SignableRequest = {
  method: "GET",
  host: "examplebucket.s3.amazonaws.com",
  pathAndQuery: "/test.txt",
  headers: [],
  body: null,
}

test("signAws signs host, date, hash and amz headers, and keeps the rest unsigned", () => {
  const headers = [
    ["Range", "bytes=0-9"],
    ["X-Amz-Acl", "private"],
  ] as const
  const signed = signedHeaders({ ...request, headers }, keys, scope)
  const date = signed["x-amz-date"] ?? ""
  assert.match(date, /^\d{8}T\d{6}Z$/)
  const covered = { host: request.host, "x-amz-acl": "private", "x-amz-content-sha256": emptyHash, "x-amz-date": date }
  assert.deepEqual(signed, {
    Range: "bytes=0-9",
    "x-amz-acl": "private",
    "x-amz-content-sha256": emptyHash,
    "x-amz-date": date,
    authorization: expectedSignature(request, covered),
  })
})

test("signAws drops what the guest's SDK signed with dummy keys", () => {
  const headers = [
    ["Authorization", "AWS4-HMAC-SHA256 Credential=dummy"],
    ["X-Amz-Date", "20000101T000000Z"],
    ["x-amz-security-token", "dummy"],
    ["x-amz-content-sha256", "dummy"],
  ] as const
  const pathAndQuery = "/test.txt?X-Amz-Signature=dummy&X-Amz-Credential=dummy"
  const result = signAws({ ...request, headers, pathAndQuery }, { ...keys, sessionToken: "real-token" }, scope)
  const signed = Object.fromEntries(result.headers)
  assert.deepEqual(Object.keys(signed).toSorted(), [
    "authorization",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-security-token",
  ])
  assert.equal(signed["x-amz-security-token"], "real-token")
  assert.ok(!JSON.stringify(result).includes("dummy"))
  assert.equal(result.pathAndQuery, "/test.txt")
})

test("signAws hashes a body, and marks one that streams as unsigned", () => {
  const body = Buffer.from("payload")
  const hashed = signedHeaders({ ...request, method: "PUT", body }, keys, scope)
  assert.equal(hashed["x-amz-content-sha256"], createHash("sha256").update(body).digest("hex"))
  const streamed = signedHeaders({ ...request, method: "PUT", body: "streamed" }, keys, scope)
  assert.equal(streamed["x-amz-content-sha256"], "UNSIGNED-PAYLOAD")
})
