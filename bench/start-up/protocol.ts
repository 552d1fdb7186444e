/** Sent by a service that listens. */
export interface StartUpReport {
  /** Until its handlers are known. */
  readonly preparationMs: number;
  /** From there until the broker has granted every subscription. */
  readonly listenMs: number;
  /** Of both. */
  readonly cpuMs: number;
}
