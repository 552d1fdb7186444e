/** A subscription that was made at run time. */
export interface RuntimeSubscription {
  /** As the broker knows it. */
  readonly filter: string;
  /** Resolves when the broker has confirmed; what has come by then is handled. */
  unsubscribe(): Promise<void>;
}
