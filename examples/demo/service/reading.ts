/** What a meter publishes. */
export interface Reading {
  /** Watt-hours since the last reading. */
  readonly wh: number;
}
