import type { Limit } from './feature.js';

/** A broker that the suite has started. */
export interface InteropBroker extends AsyncDisposable {
  /** `mqtt://`; whoever connects without a user name may do everything but on `denied/#`. */
  readonly url: string;
  /** `mqtts://` */
  readonly tlsUrl: string;
  /** The certificate behind `tlsUrl`, which is its own authority. */
  readonly ca: string;
  /** `ws://` */
  readonly wsUrl: string;
  /** Ends it as an administrator does, and starts it again with the same files on the same ports. */
  restart(): Promise<void>;
}

/** The brokers, in the order of the table. */
export const BROKERS = [
  'mosquitto',
  'hivemq',
  'artemis',
  'rabbitmq',
  'nats',
  'aedes',
  'aedes-mqtt5',
] as const;

/** A broker as the suite knows it. */
export interface Profile {
  readonly id: (typeof BROKERS)[number];
  readonly name: string;
  /** `undefined` on a machine that does not have it. */
  readonly version: string | undefined;
  readonly protocolVersions: readonly (4 | 5)[];
  readonly start: () => Promise<InteropBroker>;
  readonly limits: readonly Limit[];
}
