import { createServer as createHttpServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClientMqtt, ConfigurationError, MqttRecord } from '../../src/index.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import type { ListenerKind } from '../support/mosquitto-config.js';
import { startMosquitto, type Mosquitto } from '../support/mosquitto.js';
import { describeWithMosquitto } from '../support/needs-mosquitto.js';
import { outcomeOf } from '../support/outcome-of.js';
import { startClient } from '../support/start-client.js';
import { startServer } from '../support/start-server.js';
import { until } from '../support/until.js';

let logs: CapturedLogs;

beforeEach(() => {
  logs = captureLogs();
});
afterEach(() => logs[Symbol.dispose]());

// TLS has a suite of its own
describeWithMosquitto('server and client', () => {
  const kinds = ['ws', 'mqtt+unix'] satisfies ListenerKind[];
  const users = { service: 'secret' };
  const credentials = { username: 'service', password: 'secret' };
  let broker: Mosquitto;

  beforeAll(async () => {
    broker = await startMosquitto({ listeners: kinds, users });
  });
  afterAll(() => broker[Symbol.asyncDispose]());

  describe.each(kinds)('over %s', (kind) => {
    it.each([4, 5] as const)('exchange requests, replies and bytes (version %d)', async (protocolVersion) => {
      const options = { url: broker.urlOf(kind), protocolVersion, ...credentials };
      const events: unknown[] = [];
      await using _server = await startServer(options, {
        messages: { echo: (data) => data },
        events: { bytes: (data) => events.push(data) },
      });
      await using client = await startClient(options.url, options);
      expect(await outcomeOf(client.send('echo', { a: 'ü' }))).toEqual({ a: 'ü' });
      const bytes = Buffer.from(Array.from({ length: 20_000 }, (_, index) => 255 - (index % 251)));
      expect(await outcomeOf(client.emit('bytes', new MqttRecord(bytes, { qos: 1 })))).toBe('done');
      await until(() => events.length === 1);
      expect(events).toEqual([bytes]);
      expect(logs.messages('log')).toContain(`Connected to ${broker.urlOf(kind)}`);
    });

    it('are refused without a password', async () => {
      const client = new ClientMqtt({ url: broker.urlOf(kind) });
      expect(await outcomeOf(client.connect())).toMatchObject({
        reasonCode: 5,
        message: `Cannot connect to ${broker.urlOf(kind)} (0x05 Not authorized)`,
      });
    });

    it('come back when the broker has been restarted', async () => {
      const options = { url: broker.urlOf(kind), reconnectPeriod: 20, ...credentials };
      await using server = await startServer(options, { messages: { ping: () => 'pong' } });
      await using client = await startClient(options.url, options);
      let subscriptions = 0;
      server.on(
        'packetreceive',
        ({ cmd }: { cmd: string }) => void (subscriptions += cmd === 'suback' ? 1 : 0),
      );
      await broker.restart();
      await until(() => subscriptions >= 1 && client.unwrap().connected);
      expect(await outcomeOf(client.send('ping', 1))).toBe('pong');
    });
  });
});

describe('a WebSocket', () => {
  let http: Server;

  afterEach(async () => {
    await once(http.close(), 'close');
  });

  async function startHttp(status: number): Promise<string> {
    http = createHttpServer((_, response) => response.writeHead(status).end()).listen(0, '127.0.0.1');
    await once(http, 'listening');
    return `ws://127.0.0.1:${(http.address() as AddressInfo).port}/mqtt`;
  }

  it.each([404, 401, 200])('that is answered with HTTP status %d says so', async (status) => {
    const url = await startHttp(status);
    const failure = await outcomeOf(new ClientMqtt({ url }).connect());
    expect(failure).toMatchObject({
      message: `Cannot connect to ${url} (Unexpected server response: ${status}: is this an MQTT broker?)`,
    });
  });

  it('has the path of the URL, the headers of wsOptions and the subprotocol of MQTT, each time', async () => {
    const url = await startHttp(404);
    const seen: unknown[] = [];
    http.on('request', ({ url: path, headers }) =>
      seen.push([path, headers.authorization, headers['sec-websocket-protocol']]),
    );
    http.on('upgrade', ({ url: path, headers }, socket) => {
      seen.push([path, headers.authorization, headers['sec-websocket-protocol']]);
      socket.end('HTTP/1.1 503 Service Unavailable\r\n\r\n');
    });
    const wsOptions = { headers: { authorization: 'Bearer token' } };
    const client = new ClientMqtt({ url, wsOptions, reconnectPeriod: 1, maxConnectionAttempts: 2 });
    await outcomeOf(client.connect());
    expect(seen).toEqual(Array.from({ length: 2 }, () => ['/mqtt', 'Bearer token', 'mqtt']));
  });
});

describe('a Unix socket', () => {
  it('that is not there is named', async () => {
    const path = join(tmpdir(), 'none', 'mqtt.sock');
    const failure = await outcomeOf(new ClientMqtt({ url: `mqtt+unix://${path}` }).connect());
    expect(failure).toMatchObject({
      message: `Cannot connect to mqtt+unix://${path} (connect ENOENT ${path})`,
    });
  });
});

it.each(['http://localhost', 'unix:///tmp/mqtt.sock', 'mqtt:localhost'])(
  '%s is no URL of a broker',
  (url) => {
    expect(() => new ClientMqtt({ url })).toThrow(ConfigurationError);
  },
);
