/** One reply to a request, whatever its form on the wire. */
export type Reply =
  | { readonly kind: 'value'; readonly value: unknown; readonly last: boolean }
  | { readonly kind: 'end' }
  | { readonly kind: 'error'; readonly error: unknown };

/** Whether nothing follows it. */
export function isFinal(reply: Reply): boolean {
  return reply.kind !== 'value' || reply.last;
}
