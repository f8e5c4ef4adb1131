type Method = (this: unknown, ...args: unknown[]) => unknown

/** The library lacks "base64url". Reading takes both alphabets already, so only the name has to be known; writing is base64 with other characters. */
export function addBase64Url(Buffer: BufferConstructor): void {
  const isEncoding = Buffer.isEncoding.bind(Buffer)
  Buffer.isEncoding = (encoding: string): encoding is BufferEncoding => isUrl(encoding) || isEncoding(encoding)
  wrap(Buffer, ["from", "byteLength", "alloc"])
  wrap(Buffer.prototype, ["write", "fill", "indexOf", "lastIndexOf", "includes"])
  const toText = Buffer.prototype.toString
  Buffer.prototype.toString = function toString(encoding?: BufferEncoding, start?: number, end?: number): string {
    if (!isUrl(encoding)) return toText.call(this, encoding, start, end)
    return toText.call(this, "base64", start, end).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")
  }
}

function isUrl(value: unknown): boolean {
  return typeof value === "string" && value.toLowerCase() === "base64url"
}

/** The encoding is always behind the text, so a text that is "base64url" itself stays. */
function wrap(target: object, names: readonly string[]): void {
  for (const name of names) {
    const original = Reflect.get(target, name) as Method
    const { [name]: value } = {
      [name](this: unknown, ...args: unknown[]): unknown {
        return Reflect.apply(
          original,
          this,
          args.map((value, index) => (index > 0 && isUrl(value) ? "base64" : value)),
        )
      },
    }
    Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable: true })
  }
}
