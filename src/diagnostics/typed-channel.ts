/** A channel of `node:diagnostics_channel` with the type of its messages. */
export interface TypedChannel<T> {
  /** To be asked before a message is built: nobody listens, as a rule. */
  readonly hasSubscribers: boolean;
  publish(message: T): void;
}
