import { randomBytes } from "node:crypto"
import { join } from "node:path"
import { openSecretVault, parseSecretKey, type SecretKey, secretKeyFile, type SecretVault } from "@mayfly/mesh"
import type { Store } from "@mayfly/store"

export interface PlatformSecretsOptions {
  readonly store: () => Promise<Store>
  readonly dataDir: string | undefined
  /** Secrets of every tenant that has none of that name. */
  readonly given: Readonly<Record<string, string>>
}

/** The environment variable that holds the key, for those who keep it apart from the data. */
const keyVariable = "MAYFLY_SECRETS_KEY"

/** The secrets of a platform: those of its tenants, and those that it was given for all of them. */
export class PlatformSecrets implements SecretVault {
  readonly #options: PlatformSecretsOptions
  #opening: Promise<SecretVault> | undefined
  #known: SecretKey | undefined

  constructor(options: PlatformSecretsOptions) {
    this.#options = options
  }

  async set(tenant: string, name: string, value: string): Promise<void> {
    await (await this.#vault()).set(tenant, name, value)
  }

  async list(tenant: string): ReturnType<SecretVault["list"]> {
    return (await this.#vault()).list(tenant)
  }

  async remove(tenant: string, name: string): Promise<boolean> {
    return (await this.#vault()).remove(tenant, name)
  }

  async resolve(tenant: string, name: string): Promise<string | null> {
    const { given } = this.#options
    const own = await (await this.#vault()).resolve(tenant, name)
    return own ?? (Object.hasOwn(given, name) ? (given[name] ?? null) : null)
  }

  #vault(): Promise<SecretVault> {
    this.#opening ??= this.#open().catch((error: unknown) => {
      // Asked again, it tries again.
      this.#opening = undefined
      throw error
    })
    return this.#opening
  }

  async #open(): Promise<SecretVault> {
    return openSecretVault(await this.#options.store(), this.key())
  }

  /** What all secrets of the platform are encrypted with. Made at the first call where there is none. */
  key(): SecretKey {
    return (this.#known ??= this.#readKey())
  }

  #readKey(): SecretKey {
    const text = process.env[keyVariable]
    if (text !== undefined && text !== "") return parseSecretKey(text, keyVariable)
    const { dataDir } = this.#options
    // What is only in memory needs a key only as long.
    return dataDir === undefined
      ? parseSecretKey(randomBytes(32).toString("base64"), "the key")
      : secretKeyFile(join(dataDir, "secrets.key"))
  }
}
