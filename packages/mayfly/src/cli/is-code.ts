import { MayflyError } from "@mayfly/protocol"

export function isCode(error: unknown, code: MayflyError["code"]): boolean {
  return error instanceof MayflyError && error.code === code
}
