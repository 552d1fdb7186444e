/** Who asks and who answers: MQTT.js alone, this library, or Nest's own transporter. */
export type PairKind = 'bare' | 'ours' | 'built-in';

/** What a responder or a requester is started with. */
export interface PairSettings {
  readonly kind: PairKind;
  /** Where the responder takes requests. */
  readonly topic: string;
  readonly url: string;
}

/** The data of a request, and of its reply. */
export interface Numbers {
  readonly numbers: readonly number[];
}
export interface Sum {
  readonly sum: number;
}

/** Sent to a requester: make requests for so long, so many at a time. */
export interface RoundRequest {
  readonly concurrency: number;
  readonly durationMs: number;
}

/** Sent by a requester after each round. */
export interface RoundReport {
  readonly answered: number;
  readonly lost: number;
  /** Those that were answered, by the time in which not all were lost. */
  readonly requestsPerSecond: number;
  /** The median, and what one request in a hundred takes longer than. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of each request that was answered, user and system. */
  readonly cpuMicroseconds: number;
}

/** Sent by a responder: what it has taken since its start. */
export interface UsageReport {
  readonly cpuMicroseconds: number;
}

/** Whose pending requests are weighed; `proxy` is Nest's `ClientProxy` with a transport that does nothing. */
export type PendingKind = PairKind | 'proxy';

/** What the memory bench is started with. */
export interface PendingSettings {
  readonly kind: PendingKind;
  readonly url: string;
  readonly requests: number;
}

/** Medians, in bytes of heap that the collector left. */
export interface PendingReport {
  readonly pending: number;
  /** After all requests were unsubscribed. */
  readonly left: number;
}
