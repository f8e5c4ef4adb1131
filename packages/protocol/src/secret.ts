/** What may be known of a secret. */
export interface SecretInfo {
  readonly name: string
  /** Epoch milliseconds of the last change. */
  readonly updatedAt: number
}
