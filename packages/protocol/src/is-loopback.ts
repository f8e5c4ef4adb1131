/** Whether a host, as in a URL or bare, is this machine's own: `localhost`, `::1`, 127.0.0.0/8. Names are not looked up. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|\[::1\]|::1|127(?:\.\d{1,3}){3})$/i.test(host)
}
