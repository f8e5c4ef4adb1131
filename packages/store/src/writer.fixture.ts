// A process that writes rows and says so: `node writer.fixture.ts DIRECTORY NAME COUNT [ROW BYTES]`. Prints the number of each row that is safe.
import { accountsOwner } from "./accounts-owner.fixture.ts"
import { openStore } from "./open-store.ts"

const [directory = "", name = "", count = "0", bytes = "0"] = process.argv.slice(2)
const store = await openStore({ directory })
const tables = await store.attach(accountsOwner)
const sql = "INSERT INTO accounts_accounts (name, amount) VALUES (?, ?)"
const filler = "x".repeat(Number(bytes))
console.log("ready")
// Twenty at a time, so that commits hold several.
const lanes = Array.from({ length: 20 }, async (_, lane) => {
  for (let n = lane; n < Number(count); n += 20) {
    const outcome = await tables.write([{ sql, parameters: [`${name}-${n}-${filler}`, n] }]).then(
      () => `row ${n}`,
      (error: { code?: string }) => `failed ${n} ${error.code ?? "uncoded"}`,
    )
    process.stdout.write(`${outcome}\n`)
  }
})
await Promise.all(lanes)
await store.close()
