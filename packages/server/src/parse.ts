/** What a command reads as the API does; it loads nothing else, for its user waits. */
export { failedRun } from "./failed-run.ts"
export { parseRequest } from "./parse-request.ts"
export { taggedValue } from "./tagged-value.ts"
