/** What `mayfly serve --demo` runs first: an answer of a coding model, as it came. */
export const demoProgram = {
  title: "Which products bring in the most? (TypeScript written by a model, in a Markdown fence)",
  input: {
    orders: [
      { product: "tea", quantity: 12, price: 4.5, country: "DE" },
      { product: "coffee", quantity: 30, price: 7.25, country: "FR" },
      { product: "tea", quantity: 8, price: 4.5, country: "FR" },
      { product: "cocoa", quantity: 5, price: 6, country: "DE" },
      { product: "coffee", quantity: 10, price: 7.25, country: "DE" },
    ],
  },
  script: `Here is a program that groups the orders by product:

\`\`\`typescript
interface Order {
  product: string
  quantity: number
  price: number
  country: string
}

interface Summary {
  product: string
  revenue: number
  countries: string[]
}

export default async function ({ orders }: { orders: Order[] }): Promise<Summary[]> {
  console.log(\`\${orders.length} orders\`)
  const byProduct = Map.groupBy(orders, (order) => order.product)
  const summaries = [...byProduct].map(([product, rows]): Summary => ({
    product,
    revenue: rows.reduce((sum, { quantity, price }) => sum + quantity * price, 0),
    countries: [...new Set(rows.map((row) => row.country))].sort(),
  }))
  return summaries.sort((a, b) => b.revenue - a.revenue)
}
\`\`\`

It sorts by revenue, highest first.
`,
}
