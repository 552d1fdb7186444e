import type { Aedes, Subscription } from 'aedes';
import { MqttTestBroker, type PublishedMessage } from '../../src/testing/index.js';
import { createAedes, type AedesLimits } from './create-aedes.js';

type Verdict = boolean | Promise<boolean>;

export interface AedesSetup {
  /** 4 is MQTT 3.1.1, 5 is MQTT 5. */
  readonly version: 4 | 5;
  /** A fixed port, to come back where another broker was; a free one by default. */
  readonly port?: number;
  /** A promise that never settles withholds the SUBACK. */
  readonly authorizeSubscribe?: (filter: string, clientId: string) => Verdict;
  readonly authorizePublish?: (topic: string, clientId: string | undefined) => Verdict;
  readonly authenticate?: (
    username: string | undefined,
    password: string | undefined,
    clientId: string,
  ) => Verdict;
  readonly limits?: AedesLimits;
}

/** A filter of a SUBSCRIBE; `qos` is what the broker granted, or the Reason Code with which it refused. */
export interface SeenSubscription extends Omit<Subscription, 'clientId' | 'qos'> {
  readonly clientId: string;
  readonly qos: number;
}

export interface AedesBroker extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly version: 4 | 5;
  /** The broker itself; on MQTT 5 it can do more than this type tells. */
  readonly broker: Aedes;
  /** What clients sent, whether the broker accepted it or not. */
  published(): readonly PublishedMessage[];
  /** Of SUBSCRIBE packets only: what the broker restores of a kept session is not among them. */
  subscribed(): readonly SeenSubscription[];
  /** Closes every connection without a DISCONNECT; the broker goes on. */
  disconnectAll(): void;
}

/** Starts an Aedes broker in this process. */
export async function startAedes(setup: AedesSetup): Promise<AedesBroker> {
  const { version, port = 0, limits } = setup;
  const aedes = await createAedes(version, limits);
  const subscribed: SeenSubscription[] = [];
  applyHooks(aedes, setup);
  aedes.on('subscribe', (granted, { id }) => {
    subscribed.push(...granted.map((subscription) => ({ ...subscription, clientId: id })));
  });
  const broker = await MqttTestBroker.start({ aedes, port });
  return {
    url: broker.url,
    port: broker.port,
    version,
    broker: aedes,
    published: () => broker.published,
    subscribed: () => subscribed,
    disconnectAll: () => broker.disconnectAll(),
    [Symbol.asyncDispose]: () => broker.close(),
  };
}

function applyHooks(aedes: Aedes, { authenticate, authorizePublish, authorizeSubscribe }: AedesSetup): void {
  if (authorizePublish) {
    aedes.authorizePublish = (client, { topic }, done) =>
      whenDecided(authorizePublish(topic, client?.id), (allowed) =>
        done(allowed ? null : new Error('denied')),
      );
  }
  if (authorizeSubscribe) {
    aedes.authorizeSubscribe = (client, subscription, done) =>
      whenDecided(authorizeSubscribe(subscription.topic, client.id), (allowed) =>
        done(null, allowed ? subscription : null),
      );
  }
  if (authenticate) {
    aedes.authenticate = (client, username, password, done) =>
      whenDecided(authenticate(username, password?.toString(), client.id), (allowed) => done(null, allowed));
  }
}

// Not always through a promise: the broker handles packets in order as long as its hooks answer at once.
function whenDecided(verdict: Verdict, then: (allowed: boolean) => void): void {
  if (typeof verdict === 'boolean') then(verdict);
  else void verdict.then(then);
}
