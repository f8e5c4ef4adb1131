export { encodedUndefined, encodePlain } from "./encode-plain.ts"
