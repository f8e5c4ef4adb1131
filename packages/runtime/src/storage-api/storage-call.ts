/** Performs an operation of an object's storage at once; throws what it says of a failure. */
export type StorageCall = (op: string, args: readonly unknown[]) => unknown

/** Values of the key-value storage as texts and back. `encode` throws for what can't be stored. */
export interface StorageCodec {
  encode(value: unknown): string
  decode(text: string): unknown
}
