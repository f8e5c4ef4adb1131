import { MayflyError } from "./mayfly-error.ts"

/**
 * An id or a name as one segment of a URL's path. Throws `input.invalid` for what no URL can hold as one: `.` and `..`, in whatever encoding, would make it
 * another route's path, and the caller's key would be used for that.
 */
export function pathSegment(text: string, what = "id"): string {
  const isText = typeof text === "string" && text.isWellFormed()
  if (isText && text !== "." && text !== "..") return encodeURIComponent(text)
  throw new MayflyError("input.invalid", `${what} can't be ${JSON.stringify(text)}`, { details: { path: what } })
}

/** A file's path as the rest of a URL's path; an absolute one begins with an encoded slash. Throws `input.invalid`. */
export function filePathSegments(path: string): string {
  if (typeof path !== "string" || !path.isWellFormed())
    throw new MayflyError("input.invalid", "path is no text, or has half a character", { details: { path: "path" } })
  const parts = path.replace(/^\/+/, "").split("/")
  const start = path.startsWith("/") ? "%2F" : ""
  if (!parts.some((part) => part === "." || part === "..")) return start + parts.map(encodeURIComponent).join("/")
  // URLs know the same dots as file systems do, and would go up in the routes: so all of it is one segment, that is no dots.
  return `${start === "" ? ".%2F" : start}${encodeURIComponent(parts.join("/"))}`
}
