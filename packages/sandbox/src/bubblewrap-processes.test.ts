import { processSuite } from "./process-suite.ts"

processSuite("bubblewrap:", {})
