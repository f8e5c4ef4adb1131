import { statSync } from "node:fs"
import { join } from "node:path"
import { createPlatform } from "@mayfly/platform"
import { newPlace } from "./places.ts"

export interface NapFigures {
  readonly count: number
  readonly bytesEach: number
  /** What this process's heap grew by. */
  readonly heapBytes: number
}

/** What Mayfly's instances take on disk and in memory while they sleep. */
export async function measureNaps(count: number): Promise<NapFigures> {
  const place = await newPlace("mayfly")
  try {
    let heapBytes = 0
    {
      await using platform = await createPlatform({ dataDir: place.folder })
      const before = process.memoryUsage().heapUsed
      for (let from = 0; from < count; from += 500) {
        const some = Array.from({ length: 500 }, (_, n) =>
          platform.env.WORKFLOWS.create({ id: `nap-${from + n}`, steps: [{ name: "nap", sleep: "30 days" }] }),
        )
        await Promise.all(some)
      }
      const last = await platform.env.WORKFLOWS.get(`nap-${count - 1}`)
      while ((await last.status()).status !== "waiting") await new Promise((resolve) => setTimeout(resolve, 20))
      heapBytes = process.memoryUsage().heapUsed - before
    }
    return { count, bytesEach: statSync(join(place.folder, "mayfly.db")).size / count, heapBytes }
  } finally {
    await place.close()
  }
}
