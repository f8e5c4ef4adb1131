/** Whether a header can carry it; the server says whether it is one of its keys. */
export function isKey(text: string): boolean {
  return /^[\x21-\x7e]{1,512}$/.test(text)
}
