import { setTimeout as delay } from 'node:timers/promises';
import { lastValueFrom } from 'rxjs';
import { ConnectionError, MqttRecord, RequestTimeoutError, type ClientMqtt } from '../../src/index.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { connectDevice, type Device } from '../support/device.js';
import { startMosquitto } from '../support/mosquitto.js';
import { describeWithMosquitto } from '../support/needs-mosquitto.js';
import { startClient } from '../support/start-client.js';
import { startServer } from '../support/start-server.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const KEEPALIVE_SECONDS = 1;
const CONNECT_TIMEOUT_MS = 500;
const TIMEOUT_MS = 800;
/** How late a timer may be on a machine that has other things to do. */
const LATENESS_MS = 700;
const REQUESTERS = 5;
/** Those of the service and of the client. */
const CONNECTIONS = 2;

let logs: CapturedLogs;

beforeEach(() => {
  logs = captureLogs();
});
afterEach(() => logs[Symbol.dispose]());

interface Fault {
  readonly name: string;
  readonly begin: (proxy: TcpProxy) => void;
  /** How often both have tried to connect again when it ends; default 1. */
  readonly attempts?: number;
  readonly end?: (proxy: TcpProxy) => void;
}

const resume = (proxy: TcpProxy) => proxy.resume();
const FAULTS: readonly Fault[] = [
  { name: 'a cut', begin: (proxy) => proxy.cut() },
  { name: 'a cut in the middle of a packet', begin: (proxy) => proxy.cutAfter(1001) },
  { name: 'a FIN to the client', begin: (proxy) => proxy.halfClose('toClient') },
  { name: 'a FIN to the broker', begin: (proxy) => proxy.halfClose('toBroker') },
  { name: 'a stall longer than the keepalive', begin: (proxy) => proxy.pause(), end: resume },
  { name: 'a stall longer than several attempts', begin: (proxy) => proxy.pause(), attempts: 3, end: resume },
  { name: 'a stall of what goes to the client', begin: (proxy) => proxy.pause('toClient'), end: resume },
  { name: 'a stall of what goes to the broker', begin: (proxy) => proxy.pause('toBroker'), end: resume },
  { name: 'a router that forgets its connections', begin: (proxy) => proxy.forget() },
];

const CASES = FAULTS.flatMap((fault) =>
  ([4, 5] as const).map((protocolVersion) => ({ ...fault, protocolVersion })),
);

describeWithMosquitto('a network with', () => {
  it.each(CASES)(
    '$name: the connections heal, and nothing that was acknowledged is lost (version $protocolVersion)',
    async ({ begin, attempts = 1, end, protocolVersion }) => {
      await using scene = await startTraffic(protocolVersion);
      const { proxy, traffic } = scene;
      await traffic.answered(20);
      const before = proxy.connectionCount;
      begin(proxy);
      await until(() => proxy.connectionCount >= before + attempts * CONNECTIONS, {
        deadlineMs: 10_000,
        message: 'new connections',
      });
      end?.(proxy);
      await traffic.answered(50);
      await expectAllIsWell(proxy, traffic);
    },
    40_000,
  );

  it.each([4, 5] as const)(
    'a delay of 50 ms in each direction: requests are answered, and the connections stay (version %d)',
    async (protocolVersion) => {
      await using scene = await startTraffic(protocolVersion);
      const { proxy, traffic } = scene;
      await traffic.answered(20);
      proxy.delay(50);
      await traffic.answered(50);
      proxy.delay(0);
      await traffic.answered(50);
      await expectAllIsWell(proxy, traffic);
      expect(traffic.failures).toEqual([]);
      expect(proxy.connectionCount).toBe(CONNECTIONS);
    },
    40_000,
  );
});

/** What a service handles, and a client and a device have acknowledged, asked for and got, for as long as it takes. */
class Traffic {
  readonly failures: unknown[] = [];
  /** How long the requests took, whatever they ended with. */
  readonly tookMs: number[] = [];
  readonly #client: ClientMqtt;
  readonly #device: Device;
  readonly #handled: ReadonlySet<unknown>;
  readonly #acknowledged: string[] = [];
  readonly #ending = new AbortController();
  #answers = 0;
  #ended: Promise<unknown> = Promise.resolve();

  constructor(client: ClientMqtt, device: Device, handled: ReadonlySet<unknown>) {
    this.#client = client;
    this.#device = device;
    this.#handled = handled;
  }

  start(): void {
    const emit = (message: string) =>
      lastValueFrom(this.#client.emit('events/client', new MqttRecord(message, { qos: 1 })));
    const publish = (message: string) => this.#device.publish('events/device', message, { qos: 1 });
    this.#ended = Promise.all([
      this.#repeat((n) => emit(`c${n}`).then(() => this.#acknowledged.push(`c${n}`))),
      this.#repeat((n) => publish(`d${n}`).then(() => this.#acknowledged.push(`d${n}`))),
      ...Array.from({ length: REQUESTERS }, () => this.#repeat((n) => this.#request(n))),
    ]);
    this.#ended.catch(() => undefined); // end() tells
  }

  end(): Promise<unknown> {
    this.#ending.abort();
    return this.#ended;
  }

  /** So many requests more than now. */
  async answered(count: number): Promise<void> {
    const goal = this.#answers + count;
    await until(() => this.#answers >= goal, { deadlineMs: 15_000, message: `${count} more answers` });
  }

  /** What was acknowledged, and the service has not handled. */
  missing(): string[] {
    return this.#acknowledged.filter((message) => !this.#handled.has(message));
  }

  async #repeat(act: (n: number) => Promise<unknown>): Promise<void> {
    for (let n = 0; !this.#ending.signal.aborted; n++) {
      await act(n);
      await delay(1);
    }
  }

  async #request(n: number): Promise<void> {
    const begin = performance.now();
    try {
      if ((await lastValueFrom(this.#client.send<number>('double', n))) === 2 * n) this.#answers++;
    } catch (error) {
      this.failures.push(error);
    }
    this.tookMs.push(performance.now() - begin);
  }
}

/** A service and a client that talk through a proxy, and a device on the broker itself. */
async function startTraffic(protocolVersion: 4 | 5) {
  const timing = { keepalive: KEEPALIVE_SECONDS, connectTimeout: CONNECT_TIMEOUT_MS, reconnectPeriod: 50 };
  const broker = await startMosquitto();
  const proxy = await startTcpProxy(broker);
  const options = { ...timing, protocolVersion, url: proxy.url };
  const handled = new Set<unknown>();
  const service = await startServer(
    { ...options, ...keptSession(protocolVersion) },
    {
      events: { 'events/+': (data) => handled.add(data) },
      messages: { double: (data) => 2 * Number(data) },
      options: { qos: 1 },
    },
  );
  const client = await startClient(proxy.url, { ...options, timeoutMs: TIMEOUT_MS });
  const device = await connectDevice(broker.url, { protocolVersion });
  const traffic = new Traffic(client, device, handled);
  traffic.start();
  const dispose = async () => {
    void traffic.end();
    for (const used of [device, client, service, proxy, broker]) await used[Symbol.asyncDispose]();
  };
  return { proxy, traffic, [Symbol.asyncDispose]: dispose };
}

function keptSession(protocolVersion: 4 | 5) {
  const properties = { sessionExpiryInterval: 600 };
  return { clientId: 'service', clean: false, ...(protocolVersion === 5 && { properties }) };
}

async function expectAllIsWell(proxy: TcpProxy, traffic: Traffic): Promise<void> {
  await traffic.end();
  await until(() => traffic.missing().length === 0, {
    message: () => `acknowledged messages: ${traffic.missing().slice(0, 10).join(', ')}`,
  });
  expect(Math.max(...traffic.tookMs)).toBeLessThan(TIMEOUT_MS + LATENESS_MS);
  const kinds = new Set(traffic.failures.map((failure) => (failure as Error).constructor));
  expect([RequestTimeoutError, ConnectionError]).toEqual(expect.arrayContaining([...kinds]));
  await until(() => proxy.openCount.clients === CONNECTIONS && proxy.openCount.broker === CONNECTIONS, {
    message: () => `${CONNECTIONS} connections, not ${JSON.stringify(proxy.openCount)}`,
  });
}
