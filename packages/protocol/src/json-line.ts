/** One line of JSON that a terminal can't take for a command: beyond what JSON escapes there are control characters of one byte, and of direction. */
export function jsonLine(value: unknown): string {
  const text = JSON.stringify(value).replace(/[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (found) => {
    return `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`
  })
  return `${text}\n`
}
