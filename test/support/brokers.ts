import { startAedes } from './aedes-broker.js';
import { startMosquitto } from './mosquitto.js';
import { describeWithMosquitto } from './needs-mosquitto.js';

export interface BrokerSetup {
  /** Refuses subscriptions and publishes on `denied/#`. */
  readonly denied?: boolean;
  /** User names and passwords, on mosquitto; with some, nobody connects without. */
  readonly users?: Readonly<Record<string, string>>;
}

export interface Broker extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
}

/** A broker and the version of MQTT to speak with it. */
export interface BrokerTarget {
  readonly name: string;
  readonly kind: 'aedes' | 'mosquitto';
  readonly protocolVersion: 4 | 5;
  /** Starts a broker for one test or one suite. */
  start(setup?: BrokerSetup): Promise<Broker>;
}

export interface DescribeOnBrokersOptions {
  readonly only?: (target: BrokerTarget) => boolean;
}

/** Runs the suite on each broker with each version of MQTT, like `describe.each`. */
export function describeOnBrokers(
  title: string,
  suite: (target: BrokerTarget) => void,
  { only = () => true }: DescribeOnBrokersOptions = {},
): void {
  for (const target of TARGETS.filter(only)) {
    const describeTarget = target.kind === 'mosquitto' ? describeWithMosquitto : describe;
    describeTarget(`${title} (${target.name})`, () => suite(target));
  }
}

const TARGETS: readonly BrokerTarget[] = [
  { name: 'aedes, MQTT 3.1.1', kind: 'aedes', protocolVersion: 4, start: (setup) => aedes(4, setup) },
  { name: 'aedes, MQTT 5', kind: 'aedes', protocolVersion: 5, start: (setup) => aedes(5, setup) },
  { name: 'mosquitto, MQTT 3.1.1', kind: 'mosquitto', protocolVersion: 4, start: startMosquitto },
  { name: 'mosquitto, MQTT 5', kind: 'mosquitto', protocolVersion: 5, start: startMosquitto },
];

function aedes(version: 4 | 5, { denied = false }: BrokerSetup = {}): Promise<Broker> {
  const allowed = (topic: string) => !denied || !topic.startsWith('denied/');
  return startAedes({ version, authorizePublish: allowed, authorizeSubscribe: allowed });
}
