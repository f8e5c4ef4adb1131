/** Packages that ship no types: only what the chunks use. */
declare module "whatwg-url/webidl2js-wrapper.js" {
  interface Installer {
    install(globals: object, names: readonly string[]): void
  }
  const wrapper: { readonly URL: Installer; readonly URLSearchParams: Installer }
  export default wrapper
}
