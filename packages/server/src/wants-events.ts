/** Whether an Accept header asks for server-sent events. */
export function wantsEvents(accept: string | undefined): boolean {
  return accept !== undefined && /(?:^|,)\s*text\/event-stream\b/i.test(accept)
}
