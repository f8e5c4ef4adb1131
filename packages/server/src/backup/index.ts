export { createBackup } from "./create-backup.ts"
export { checkBackup, type Manifest } from "./manifest.ts"
export { restoreBackup } from "./restore-backup.ts"
