import type { HandlerRoute } from './handler-route.js';

/** How the handling of a message by one handler ended, or that it has none: what the acknowledgement will follow. */
export type Outcome =
  | { readonly kind: 'handled'; readonly route: HandlerRoute }
  | { readonly kind: 'failed'; readonly route: HandlerRoute; readonly error: unknown }
  | { readonly kind: 'undecodable'; readonly route: HandlerRoute; readonly error: unknown }
  | { readonly kind: 'unanswerable'; readonly route: HandlerRoute; readonly reason: string }
  | { readonly kind: 'unrouted' };
