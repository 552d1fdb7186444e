/** How a run of a handler ended. A request whose failure has reached the requester is `handled`. */
export type Outcome =
  | { readonly kind: 'handled' }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'undecodable'; readonly error: unknown }
  /** The requester's time was up before it was run, or had a result. */
  | { readonly kind: 'expired' }
  /** The requester has gone, or was told that the service goes. */
  | { readonly kind: 'cancelled' }
  /** The server closes, and a request in a kept session is for the next process. */
  | { readonly kind: 'left' }
  /** A request that got no answer, or none but "Internal server error". */
  | { readonly kind: 'unanswered'; readonly error: unknown }
  /** A request that says no valid place for its answer: it is not run. */
  | { readonly kind: 'unanswerable'; readonly reason: string };

export const HANDLED: Outcome = { kind: 'handled' };
