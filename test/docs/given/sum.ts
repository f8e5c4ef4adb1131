export default (input: { numbers: number[] }) => input.numbers.reduce((sum, n) => sum + n, 0)
