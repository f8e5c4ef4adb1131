export { Activation } from "./core/activation.ts"
