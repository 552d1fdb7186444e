/** The class of an error, of which there are few; what a handler threw that is no `Error` has none. */
export function errorType(error: unknown): string {
  return error instanceof Error ? error.constructor.name : '_OTHER'; // Nest's have no name of their own
}
