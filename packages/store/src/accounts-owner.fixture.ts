import type { StoreOwner } from "./store.ts"

export const accountsOwner: StoreOwner = {
  name: "accounts",
  migrations: [
    "CREATE TABLE accounts_accounts (name TEXT PRIMARY KEY, amount INTEGER NOT NULL CHECK (amount >= 0)) STRICT",
  ],
  procedures: new URL("./accounts.fixture.ts", import.meta.url).href,
}
