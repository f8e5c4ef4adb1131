/** RFC 2544: a network that no public host is in. */
export const fakeNetwork = "198.18.0.0/15"

const first = (198 << 24) | (18 << 16)
/** The first and last 256 stay free: some tools take .0.0 and .255.255 for no host. */
const from = 256
const size = (1 << 17) - 2 * from
const maxNames = 32_768

/**
 * Gives names addresses that exist in a sandbox only, so that a connection to one says which name it meant. A name keeps its
 * address as long as it is in use; an address that was given up is not given again before all others were.
 */
export class FakeAddresses {
  /** The name that was not used for longest comes first. */
  readonly #addresses = new Map<string, number>()
  readonly #names = new Map<number, string>()
  readonly #max: number
  #next = 0

  constructor(max: number) {
    this.#max = Math.max(1, Math.min(max, maxNames))
  }

  addressOf(name: string): string {
    const place = this.#addresses.get(name) ?? this.#free()
    this.#addresses.delete(name)
    this.#addresses.set(name, place)
    this.#names.set(place, name)
    if (this.#addresses.size > this.#max) this.#forgetOldest()
    return textOf(place)
  }

  /** The name that an address was given to, null when it was given to none. Takes IPv4 within IPv6 as well. */
  nameOf(address: string): string | null {
    const place = placeOf(address)
    const name = place === null ? undefined : this.#names.get(place)
    if (name === undefined) return null
    this.addressOf(name)
    return name
  }

  #free(): number {
    // At most a quarter of the places are taken, so this ends soon.
    while (this.#names.has(this.#next)) this.#advance()
    const place = this.#next
    this.#advance()
    return place
  }

  #advance(): void {
    this.#next = (this.#next + 1) % size
  }

  #forgetOldest(): void {
    for (const [name, place] of this.#addresses) {
      this.#addresses.delete(name)
      this.#names.delete(place)
      return
    }
  }
}

function textOf(place: number): string {
  const number = (first + from + place) >>> 0
  return [number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255].join(".")
}

function placeOf(address: string): number | null {
  const match = /^(?:::ffff:)?198\.(18|19)\.(\d{1,3})\.(\d{1,3})$/.exec(address)
  if (match === null) return null
  const [second = 0, third = 0, fourth = 0] = match.slice(1).map(Number)
  if (third > 255 || fourth > 255) return null
  const place = ((second - 18) << 16) + (third << 8) + fourth - from
  return place >= 0 && place < size ? place : null
}
