export { type RemoteMessage, type RemoteOutcome, RemoteValues } from "./remote-values.ts"
