const { defineProperty, getOwnPropertyDescriptor } = Reflect

type UrlClass = new (url: string) => object

/**
 * The inspector takes `URL` from the global object when it sees its first instance of any class, and asks of each whether
 * it is one. That would load the URL chunk, many times its own size, for `console.log(new Foo())`. So it gets this class,
 * which looks at the real one only when a program has loaded that.
 */
class UrlStandIn {
  constructor(url: string) {
    return new (realUrl() ?? (Object as unknown as UrlClass))(url)
  }

  static [Symbol.hasInstance](value: unknown): boolean {
    const real = realUrl()
    return real !== null && value instanceof real
  }
}

/** Null while the global is the accessor that would load it. */
function realUrl(): UrlClass | null {
  const value: unknown = getOwnPropertyDescriptor(globalThis, "URL")?.value
  return typeof value === "function" ? (value as UrlClass) : null
}

/** Runs `prime`, which makes the inspector take the stand-in, and puts the global back. */
export function withoutLoadingUrl(prime: () => void): void {
  const before = getOwnPropertyDescriptor(globalThis, "URL")
  // Guest code may have frozen the global object: then the inspector finds what the guest left there.
  if (!defineProperty(globalThis, "URL", { value: UrlStandIn, configurable: true })) return
  try {
    prime()
  } finally {
    if (before === undefined) Reflect.deleteProperty(globalThis, "URL")
    else defineProperty(globalThis, "URL", before)
  }
}
