import ipaddr from "ipaddr.js"

export type AddressClass =
  | "public"
  | "loopback"
  | "private"
  | "shared"
  | "link-local"
  | "metadata"
  | "multicast"
  | "reserved"

export interface DialRequest {
  /** An exact rule names the host. */
  readonly namesHost: boolean
  /** The URL holds the address itself, so no name server had a say. */
  readonly isLiteral: boolean
}

/**
 * True when an address may be dialled. Public ones always. A rule that names a host also opens the networks in which
 * people run services, but no name can lead to metadata services, link-local or reserved addresses: whoever answers for
 * the name would choose the target (DNS rebinding). Those must be named as the address that they are.
 */
export function mayDial(address: string, { namesHost, isLiteral }: DialRequest): boolean {
  const found = classifyAddress(address)
  switch (found) {
    case "public":
      return true
    case "loopback":
    case "private":
    case "shared":
      return namesHost
    case "metadata":
    case "link-local":
    case "reserved":
      return namesHost && isLiteral
    case "multicast":
      return false
  }
}

/** What kind of address a text is. What cannot be read, or is in no known public range, is "reserved". */
export function classifyAddress(text: string): AddressClass {
  // The parser takes the long dead IPv4-compatible ::8.8.8.8 for ::ffff:8.8.8.8, which is another address.
  if (!ipaddr.isValid(text) || /^::\d+\./.test(text)) return "reserved"
  const address = ipaddr.process(text)
  return address instanceof ipaddr.IPv4 ? classify4(address) : classify6(address)
}

/** One spelling for comparing: IPv4 inside IPv6 becomes IPv4, no zone. */
export function normalAddress(text: string): string {
  return ipaddr.isValid(text) ? ipaddr.process(text.replace(/%.*$/, "")).toString() : text
}

// Where clouds hand credentials to anybody who asks. 168.63.129.16 (Azure) even lies in a public range.
const metadata = new Set([
  "169.254.169.254",
  "169.254.170.2",
  "169.254.170.23",
  "168.63.129.16",
  "100.100.100.200",
  "192.0.0.192",
  "fd00:ec2::254",
  "fd00:ec2::23",
  "fd20:ce::254",
])

function classify4(address: ipaddr.IPv4): AddressClass {
  if (metadata.has(address.toString())) return "metadata"
  switch (address.range()) {
    case "unicast":
      return "public"
    case "loopback":
    case "private":
    case "multicast":
      return address.range() as "loopback" | "private" | "multicast"
    case "linkLocal":
      return "link-local"
    case "carrierGradeNat":
      return "shared"
    default:
      return "reserved"
  }
}

function classify6(address: ipaddr.IPv6): AddressClass {
  if (metadata.has(address.toString())) return "metadata"
  switch (address.range()) {
    case "unicast":
      // Only 2000::/3 is in use for public hosts; the rest holds the likes of IPv4-compatible ::127.0.0.1.
      return ((address.parts[0] ?? 0) & 0xe000) === 0x2000 ? "public" : "reserved"
    case "loopback":
    case "multicast":
      return address.range() as "loopback" | "multicast"
    case "uniqueLocal":
      return "private"
    case "linkLocal":
      return "link-local"
    case "rfc6052":
      return classifyNat64(address)
    // 6to4 and Teredo carry an IPv4 address of anybody's choice through relays; nothing public lives there any more.
    default:
      return "reserved"
  }
}

/** Behind DNS64 every IPv4 host has an address in 64:ff9b::/96, and the translator dials the IPv4 address in it. */
function classifyNat64(address: ipaddr.IPv6): AddressClass {
  const [first, second, third, fourth, fifth, sixth, high = 0, low = 0] = address.parts
  const isWellKnown = first === 0x64 && second === 0xff9b && [third, fourth, fifth, sixth].every((part) => part === 0)
  if (!isWellKnown) return "reserved"
  const inner = classify4(new ipaddr.IPv4([high >> 8, high & 255, low >> 8, low & 255]))
  return inner === "public" ? "public" : inner === "multicast" ? "multicast" : "reserved"
}
