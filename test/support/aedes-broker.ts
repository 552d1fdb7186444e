import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { Aedes, type PublishPacket, type Subscription } from 'aedes';
import { Aedes as AedesMqtt5, type AedesOptions } from 'aedes-mqtt5';

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
  /** The limits that Aedes announces, on MQTT 5 only. */
  readonly limits?: Pick<
    AedesOptions,
    | 'keepaliveLimit'
    | 'maximumPacketSize'
    | 'receiveMaximum'
    | 'sessionExpiryIntervalLimit'
    | 'topicAliasMaximum'
  >;
}

/** A PUBLISH as a client sent it, whether the broker accepted it or not. */
export interface SeenPublish extends Pick<PublishPacket, 'topic' | 'qos' | 'retain' | 'dup' | 'properties'> {
  readonly clientId: string | undefined;
  readonly payload: Buffer;
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
  published(): readonly SeenPublish[];
  /** Of SUBSCRIBE packets only: what the broker restores of a kept session is not among them. */
  subscribed(): readonly SeenSubscription[];
  /** Closes every connection without a DISCONNECT; the broker goes on. */
  disconnectAll(): void;
}

/** Starts an Aedes broker in this process. */
export async function startAedes(setup: AedesSetup): Promise<AedesBroker> {
  const broker = await createBroker(setup);
  const published: SeenPublish[] = [];
  const subscribed: SeenSubscription[] = [];
  applyHooks(broker, setup, (packet) => published.push(packet));
  broker.on('subscribe', (granted, { id }) => {
    subscribed.push(...granted.map((subscription) => ({ ...subscription, clientId: id })));
  });
  const tcp = await serve(broker, setup.port ?? 0);
  return {
    url: `mqtt://127.0.0.1:${tcp.port}`,
    port: tcp.port,
    version: setup.version,
    broker,
    published: () => published,
    subscribed: () => subscribed,
    disconnectAll: tcp.destroySockets,
    [Symbol.asyncDispose]: async () => {
      const closed = tcp.close();
      await closeBroker(broker);
      tcp.destroySockets();
      await closed;
    },
  };
}

function createBroker({ version, limits = {} }: AedesSetup): Promise<Aedes> {
  if (version === 4) return Aedes.createBroker();
  return AedesMqtt5.createBroker(limits) as Promise<unknown> as Promise<Aedes>;
}

function closeBroker(broker: Aedes): Promise<void> {
  return new Promise((resolve) => {
    broker.close(resolve);
  });
}

function applyHooks(broker: Aedes, setup: AedesSetup, seen: (packet: SeenPublish) => void): void {
  const { authenticate, authorizePublish, authorizeSubscribe } = setup;
  const publishByDefault = broker.authorizePublish.bind(broker);
  broker.authorizePublish = (client, packet, done) => {
    seen(seenPublish(packet, client?.id));
    if (!authorizePublish) return publishByDefault(client, packet, done);
    whenDecided(authorizePublish(packet.topic, client?.id), (allowed) =>
      done(allowed ? null : new Error('denied')),
    );
  };
  if (authorizeSubscribe) {
    broker.authorizeSubscribe = (client, subscription, done) =>
      whenDecided(authorizeSubscribe(subscription.topic, client.id), (allowed) =>
        done(null, allowed ? subscription : null),
      );
  }
  if (authenticate) {
    broker.authenticate = (client, username, password, done) =>
      whenDecided(authenticate(username, password?.toString(), client.id), (allowed) => done(null, allowed));
  }
}

// Not always through a promise: the broker handles packets in order as long as its hooks answer at once.
function whenDecided(verdict: Verdict, then: (allowed: boolean) => void): void {
  if (typeof verdict === 'boolean') then(verdict);
  else void verdict.then(then);
}

function seenPublish(packet: PublishPacket, clientId: string | undefined): SeenPublish {
  const { topic, qos, retain, dup, properties } = packet;
  const payload = Buffer.from(packet.payload as Buffer);
  return { clientId, topic, qos, retain, dup, payload, ...(properties && { properties: { ...properties } }) };
}

async function serve(broker: Aedes, wantedPort: number) {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    broker.handle(socket);
  }).listen(wantedPort, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    destroySockets: () => sockets.forEach((socket) => socket.destroy()),
    close: () => once(server.close(), 'close'),
  };
}
