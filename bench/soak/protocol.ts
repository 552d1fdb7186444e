/** What the program is started with. */
export interface SoakSettings {
  readonly url: string;
}

/** Sent to the program: make messages and requests for so long, or come to rest and say what is in use then. */
export type SoakCommand =
  { readonly kind: 'load'; readonly durationMs: number } | { readonly kind: 'sample' };

export type SoakReport =
  | { readonly kind: 'ready' }
  | { readonly kind: 'loaded' }
  | { readonly kind: 'sample'; readonly sample: Sample };

/** What the process uses when it is at rest, the memory in bytes, and what it has done since it was started. */
export interface Sample {
  /** After the collector. */
  readonly heapUsed: number;
  readonly rss: number;
  /** Of the process, and of all clients of MQTT.js and their streams. */
  readonly listeners: number;
  readonly timers: number;
  readonly sockets: number;
  readonly done: Readonly<Record<Deed, number>>;
}

export const DEEDS = [
  'connections',
  'events handled',
  'dead letters',
  'withheld',
  'events published',
  'requests answered',
  'requests failed',
  'requests timed out',
  'streams cancelled',
  'clients closed',
] as const;

export type Deed = (typeof DEEDS)[number];

export interface TimedSample extends Sample {
  /** Since the begin. */
  readonly minutes: number;
}
