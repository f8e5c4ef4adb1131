/** https://encoding.spec.whatwg.org/#names-and-labels, for the encodings that need no host. */
const labels: Readonly<Record<string, string>> = {
  "utf-8": "unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8",
  "utf-16le": "csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16 utf-16le",
  "utf-16be": "unicodefffe utf-16be",
  "windows-1252":
    "ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 iso88591 iso_8859-1 " +
    "iso_8859-1:1987 l1 latin1 us-ascii windows-1252 x-cp1252",
}

/** The name of a label's encoding; null for one that the host must decode, or nobody knows. */
export function encodingOf(label: string): string | null {
  for (const name in labels) {
    if (` ${labels[name]} `.includes(` ${label} `)) return name
  }
  return null
}
