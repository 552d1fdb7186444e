import { Controller } from '@nestjs/common';
import { Ctx, MqttRecord as NestRecord, RpcException } from '@nestjs/microservices';
import { from, lastValueFrom, tap, toArray } from 'rxjs';
import {
  ClientMqtt,
  ConfigurationError,
  jsonCodec,
  MqttEventPattern,
  MqttMessagePattern,
  MqttRecord,
  MqttRecordBuilder,
  PublishError,
  RemoteError,
  SubscriptionError,
  type MqttContext,
  type ServerMqttOptions,
} from '../../src/index.js';
import { describeOnBrokers } from '../support/brokers.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { connectDevice } from '../support/device.js';
import { startMosquitto } from '../support/mosquitto.js';
import { describeWithMosquitto } from '../support/needs-mosquitto.js';
import { outcomeOf } from '../support/outcome-of.js';
import { startApp } from '../support/start-app.js';
import { startClient } from '../support/start-client.js';
import { createServer, listen, startServer } from '../support/start-server.js';
import { startStubBroker, type StubScript } from '../support/stub-broker.js';
import { until } from '../support/until.js';

const INTERNAL_ERROR = { status: 'error', message: 'Internal server error' };
// oxlint-disable-next-line no-control-regex
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f-\u009f]/;

let logs: CapturedLogs;

beforeEach(() => {
  logs = captureLogs();
});
afterEach(() => logs[Symbol.dispose]());

const failures = {
  cycle: () => {
    const details: Record<string, unknown> = { message: 'cycle' };
    details['self'] = details;
    throw new RpcException(details);
  },
  bigint: () => {
    throw new RpcException({ message: 'bigint', code: 10n });
  },
  nothing: () => {
    throw new RpcException(Object.create(null) as object);
  },
};

@Controller()
class FailingController {
  readonly handled: unknown[] = [];

  @MqttEventPattern('events/{failure}')
  event(@Ctx() { params }: MqttContext): void {
    this.#fail(params['failure']!);
  }

  @MqttMessagePattern('requests/{failure}')
  request(@Ctx() { params }: MqttContext): void {
    this.#fail(params['failure']!);
  }

  @MqttEventPattern('fine')
  fine(): void {
    this.handled.push('fine');
  }

  #fail(failure: string): void {
    failures[failure as keyof typeof failures]();
  }
}

describeOnBrokers(
  'an RpcException that has no form on the wire',
  ({ protocolVersion, start }) => {
    it.each(Object.keys(failures))('fails an event with one line in the log (%s)', async (failure) => {
      await using broker = await start();
      const server = { url: broker.url, protocolVersion };
      await using service = await startApp({ controllers: [FailingController], server, logs });
      await using device = await connectDevice(broker.url, { protocolVersion });
      await device.publish(`events/${failure}`, '1');
      await device.publish('fine', '1');
      await until(() => service.get(FailingController).handled.length === 1);
      await until(() => logs.errors().length > 0);
      expect(logs.errors()).toEqual([expect.stringContaining(`"events/${failure}"`)]);
    });

    it.each(['cycle', 'bigint'])('is "Internal server error" to a requester (%s)', async (failure) => {
      await using broker = await start();
      const server = { url: broker.url, protocolVersion };
      await using _service = await startApp({ controllers: [FailingController], server, logs });
      await using client = await startClient(broker.url, { protocolVersion });
      const outcome = await outcomeOf(client.send(`requests/${failure}`, 1));
      expect(outcome).toBeInstanceOf(RemoteError);
      expect((outcome as RemoteError).error).toEqual(INTERNAL_ERROR);
      expect(logs.errors()).toEqual([expect.stringContaining(`"requests/${failure}"`)]);
    });
  },
  { only: ({ kind }) => kind === 'aedes' },
);

describe('a request whose handler fails', () => {
  it.each<[string, Partial<ServerMqttOptions>]>([
    [
      'an error that the serializer cannot write',
      { serializer: { serialize: (packet: unknown) => JSON.stringify(packet) } },
    ],
    [
      'an error of which the serializer makes no payload',
      {
        serializer: {
          serialize: (packet: { err?: { message?: string } }) =>
            packet.err?.message === 'no form' ? packet : JSON.stringify(packet),
        },
      },
    ],
  ])('is answered, with %s', async (_, options) => {
    await using broker = await startStubBroker();
    await using _service = await startServer(
      { url: broker.url, ...options },
      {
        messages: {
          ask: () => {
            throw new RpcException({ message: 'no form', code: 10n });
          },
        },
      },
    );
    broker.connection.publish(
      'ask',
      JSON.stringify({ pattern: 'ask', data: 1, id: '1', replyTo: 'replies' }),
    );
    await until(() => broker.packets('publish').length === 1);
    expect(JSON.parse(broker.packets('publish')[0]!.payload.toString())).toMatchObject({
      err: INTERNAL_ERROR,
    });
    expect(logs.errors()).toHaveLength(1);
  });

  it('is answered when it is the function of its order that throws', async () => {
    await using broker = await startStubBroker();
    const order = () => {
      throw new Error('no key');
    };
    await using _service = await startServer(
      { url: broker.url },
      { messages: { ask: () => 1 }, options: { order } },
    );
    broker.connection.publish(
      'ask',
      JSON.stringify({ pattern: 'ask', data: 1, id: '1', replyTo: 'replies' }),
    );
    await until(() => broker.packets('publish').length === 1);
    expect(JSON.parse(broker.packets('publish')[0]!.payload.toString())).toMatchObject({
      err: INTERNAL_ERROR,
    });
  });
});

describe('what a handler throws', () => {
  it.each<[string, () => unknown]>([
    [
      'a message that throws',
      () => ({
        get message(): string {
          throw new Error('hostile');
        },
      }),
    ],
    [
      'a form for the log that throws',
      () => ({
        [Symbol.for('nodejs.util.inspect.custom')]: () => {
          throw new Error('hostile');
        },
      }),
    ],
    ['undefined', () => undefined],
    ['null', () => null],
    ['a function', () => () => 1],
  ])('may be anything: %s', async (_, create) => {
    await using broker = await startStubBroker();
    const handled: unknown[] = [];
    await using _service = await startServer(
      { url: broker.url },
      {
        events: {
          a: (data) => {
            if (data === 1) throw create();
            handled.push(data);
          },
        },
        options: { concurrency: 1, qos: 1 },
      },
    );
    broker.connection.publish('a', '1', { qos: 1, messageId: 1 });
    broker.connection.publish('a', '2', { qos: 1, messageId: 2 });
    await until(() => handled.length === 1);
    await until(() => broker.packets('puback').length === 2);
    expect(logs.errors()).toHaveLength(1);
  });
});

describe('a hook', () => {
  const hooks = {
    'throws at the start': () => {
      throw new Error('hook');
    },
    'rejects at the start': () => Promise.reject(new Error('hook')),
  };

  it.each(Object.entries(hooks))('that %s fails its message alone', async (_, hook) => {
    await using broker = await startStubBroker();
    await using server = createServer({ url: broker.url }, { events: { a: () => 1 }, options: { qos: 1 } });
    server.setOnProcessingStartHook(hook as never);
    await listen(server);
    broker.connection.publish('a', '1', { qos: 1, messageId: 1 });
    await until(() => broker.packets('puback').length === 1);
    expect(logs.errors()).toEqual([expect.stringContaining('hook')]);
  });
});

describe.each([0, 1] as const)('a record with options that have no form on the wire (QoS %d)', (qos) => {
  const long = 'x'.repeat(65_536);
  const invalid: readonly (readonly [string, (builder: MqttRecordBuilder) => unknown])[] = [
    ['an expiry below zero', (builder) => builder.setMessageExpiry(-1)],
    ['an expiry that is no integer', (builder) => builder.setMessageExpiry(1.5)],
    ['a Content Type that is a number', (builder) => builder.setContentType(5 as never)],
    ['a Topic Alias above the maximum', (builder) => builder.setTopicAlias(9)],
    ['a User Property that is undefined', (builder) => builder.setUserProperty('n', undefined as never)],
    ['a User Property that is a number', (builder) => builder.setUserProperty('n', 5 as never)],
    [
      'Correlation Data that is a string',
      (builder) => builder.setProperties({ correlationData: 'abc' as never }),
    ],
    [
      'a Payload Format Indicator that is a string',
      (builder) => builder.setProperties({ payloadFormatIndicator: 'yes' as never }),
    ],
    ['a Response Topic with a wildcard', (builder) => builder.setResponseTopic('a/+')],
    ['an empty Response Topic', (builder) => builder.setResponseTopic('')],
    ['a Content Type that is too long', (builder) => builder.setContentType(long)],
    ['a Response Topic that is too long', (builder) => builder.setResponseTopic(long)],
    [
      'Correlation Data that is too long',
      (builder) => builder.setProperties({ correlationData: Buffer.from(long) }),
    ],
    ['a User Property whose value is too long', (builder) => builder.setUserProperty('n', long)],
    ['a User Property whose name is too long', (builder) => builder.setUserProperty(long, 'v')],
    ['half a surrogate pair in a User Property', (builder) => builder.setUserProperty('n', 'a\ud800')],
    ['half a surrogate pair in its name', (builder) => builder.setUserProperty('\udc00', 'v')],
    ['half a surrogate pair in the Content Type', (builder) => builder.setContentType('a\ud800')],
    ['a null character in a User Property', (builder) => builder.setUserProperty('n', 'a\0b')],
    ['a null character in the Content Type', (builder) => builder.setContentType('a\0b')],
    ...['text', ['a'], null].map(
      (wrong) =>
        [
          `User Properties that are ${JSON.stringify(wrong)}`,
          (builder: MqttRecordBuilder) => builder.setProperties({ userProperties: wrong as never }),
        ] as const,
    ),
    ["a property that is the broker's", (builder) => builder.setProperties({ subscriptionIdentifier: 1 })],
  ];

  it.each(invalid)('fails at once, and leaves the connection alone: %s', async (_, build) => {
    await using broker = await startStubBroker({
      protocolVersion: 5,
      script: { connect: { properties: { topicAliasMaximum: 2 } } },
    });
    await using client = await startClient(broker.url, { protocolVersion: 5, reconnectPeriod: 20 });
    const builder = new MqttRecordBuilder(1).setQoS(qos);
    build(builder);
    expect(await outcomeOf(client.emit('a', builder.build()), 1000)).toBeInstanceOf(PublishError);
    expect(await outcomeOf(client.emit('a', new MqttRecord(1, { qos })), 1000)).toBe('done');
    expect(await outcomeOf(client.close(), 1000)).toBe('done');
    expect([broker.connections.length, broker.packets('publish').length]).toEqual([1, 1]);
  });

  it.each([{ none: [] }, { none: [], some: 'v' }, {}])(
    'does not fail with User Properties of no values, and is published without them: %j',
    async (userProperties: Record<string, string | string[]>) => {
      await using broker = await startStubBroker({ protocolVersion: 5 });
      await using client = await startClient(broker.url, { protocolVersion: 5 });
      const record = new MqttRecord(1, { qos, properties: { userProperties } });
      expect(await outcomeOf(client.emit('a', record), 1000)).toBe('done');
      await until(() => broker.packets('publish').length === 1);
      const { some } = broker.packets('publish')[0]!.properties?.userProperties ?? {};
      expect(some).toBe(userProperties['some']);
    },
  );

  it.each(['text', ['a'], null, 7])(
    'does not fail on MQTT 3.1.1, which has no User Properties: %j',
    async (userProperties) => {
      await using broker = await startStubBroker();
      await using client = await startClient(broker.url, { reconnectPeriod: 20 });
      const properties = { userProperties: userProperties as never };
      for (const record of [new MqttRecord(1, { qos, properties }), new NestRecord(1, { qos, properties })])
        expect(await outcomeOf(client.emit('a', record), 1000)).toBe('done');
      await until(() => broker.packets('publish').length === 2);
      expect(broker.connections).toHaveLength(1);
    },
  );

  it('fails at once when the serializer makes an object of it', async () => {
    await using broker = await startStubBroker();
    const serializer = { serialize: (packet: unknown) => packet };
    await using client = await startClient(broker.url, { serializer });
    expect(await outcomeOf(client.emit('a', new MqttRecord({ a: 1 }, { qos })), 1000)).toBeInstanceOf(
      PublishError,
    );
    expect(await outcomeOf(client.close(), 1000)).toBe('done');
    expect(broker.connections).toHaveLength(1);
  });

  it('does not fail with a Topic Alias up to the maximum, and is published', async () => {
    await using broker = await startStubBroker({
      protocolVersion: 5,
      script: { connect: { properties: { topicAliasMaximum: 2 } } },
    });
    await using client = await startClient(broker.url, { protocolVersion: 5 });
    const record = new MqttRecordBuilder(1).setQoS(qos).setTopicAlias(2).build();
    expect(await outcomeOf(client.emit('a', record))).toBe('done');
    await until(() => broker.packets('publish').length === 1);
  });
});

describe('a reply', () => {
  const answering = (payload: string | Buffer, status?: string): StubScript => ({
    publish: ({ properties }, connection) => {
      const { responseTopic, correlationData } = properties ?? {};
      if (responseTopic === undefined) return 'answer';
      connection.publish(responseTopic, payload, {
        properties: {
          ...(correlationData && { correlationData }),
          ...(status !== undefined && { userProperties: { 'nest-reply': status } }),
        },
      });
      return 'answer';
    },
  });
  const start = (script: StubScript) => startStubBroker({ protocolVersion: 5, script });

  it.each(['', 'null', '0', 'false', '""'])(
    'that is an error fails its request, whatever the error is: %j',
    async (payload) => {
      await using broker = await start(answering(payload, 'error'));
      await using client = await startClient(broker.url, { protocolVersion: 5 });
      expect(await outcomeOf(client.send('ask', 1))).toBeInstanceOf(RemoteError);
    },
  );

  it('that serializeResponse() does not take fails its request', async () => {
    class OwnClient extends ClientMqtt {
      protected override serializeResponse(): never {
        throw new Error('bad response');
      }
    }
    await using broker = await start(answering('1'));
    const client = new OwnClient({ url: broker.url, protocolVersion: 5 });
    const outcome = await outcomeOf(client.send('ask', 1));
    await client.close();
    expect((outcome as Error).message).toContain('bad response');
  });

  it('that serializeError() does not take leaves the client alive, and other requests are answered', async () => {
    let throwing = true;
    class OwnClient extends ClientMqtt {
      protected override serializeError(error: unknown): unknown {
        if (throwing) throw new Error('bad error');
        return super.serializeError(error);
      }
    }
    await using broker = await start(answering('"no"', 'error'));
    const client = new OwnClient({ url: broker.url, protocolVersion: 5 });
    client.send('ask', 1).subscribe({ error: () => undefined });
    await until(() => broker.packets('publish').length === 1);
    await client.unwrap().publishAsync('barrier', '', { qos: 1 });
    throwing = false;
    expect(await outcomeOf(client.send('ask', 2))).toBeInstanceOf(RemoteError);
    await client.close();
  });

  it('of a stream keeps its place with a deserializer that takes its time', async () => {
    await using broker = await startStubBrokerOf3();
    const turns: (() => void)[] = [];
    const deserializer = {
      deserialize: async (value: unknown) => {
        await new Promise<void>((resolve) => turns.unshift(resolve)); // the last one first
        return value;
      },
    };
    await using client = await startClient(broker.url, { deserializer });
    const values = lastValueFrom(client.send('ask', 1).pipe(toArray()));
    await until(() => turns.length === 3);
    turns.forEach((resolve) => resolve());
    expect(await outcomeOf(values)).toEqual([1, 2, 3]);
  });

  it('that the deserializer fails on fails its request', async () => {
    await using broker = await startStubBrokerOf3();
    let calls = 0;
    const deserializer = {
      deserialize: (value: unknown) =>
        ++calls === 2 ? Promise.reject(new Error('bad reply')) : Promise.resolve(value),
    };
    await using client = await startClient(broker.url, { deserializer });
    const values: unknown[] = [];
    const failure = await outcomeOf(client.send('ask', 1).pipe(tap((value) => values.push(value))));
    expect((failure as Error).message).toContain('bad reply');
    expect(values).toEqual([1]);
  });

  /** Answers a request with 1, 2, 3 in Nest's envelope. */
  function startStubBrokerOf3() {
    return startStubBroker({
      script: {
        publish: ({ payload }, connection) => {
          const { id, replyTo } = JSON.parse(payload.toString()) as { id: string; replyTo: string };
          for (const response of [1, 2, 3])
            connection.publish(replyTo, JSON.stringify({ id, response, isDisposed: response === 3 }));
          return 'answer';
        },
      },
    });
  }
});

describe('a User Property', () => {
  it('named "__proto__" does not reach a handler, whose merge would reach the prototype', async () => {
    await using broker = await startStubBroker({ protocolVersion: 5 });
    const names: string[][] = [];
    const handle = (_: unknown, context: MqttContext) => names.push(Object.keys(context.getMetadata()));
    await using _server = await startServer(
      { url: broker.url, protocolVersion: 5 },
      { events: { a: handle } },
    );
    const userProperties = JSON.parse('{"__proto__":["1","2"],"constructor":"3"}') as Record<string, string>;
    broker.connection.publish('a', '1', { properties: { userProperties } });
    broker.connection.publish('a', '1', { properties: { userProperties: { b: '1' } } });
    await until(() => names.length === 2);
    expect(names).toEqual([['constructor'], ['b']]);
  });
});

describe('a Topic Filter', () => {
  it.each(['resubscribe', 'constructor', '__proto__', 'toString'])('may be "%s"', async (filter) => {
    await using broker = await startStubBroker();
    const handled: string[] = [];
    await using _server = await startServer(
      { url: broker.url },
      { events: Object.fromEntries([filter, 'other'].map((topic) => [topic, () => handled.push(topic)])) },
    );
    const asked = broker.packets('subscribe').flatMap(({ subscriptions }) => subscriptions);
    expect(asked.map(({ topic }) => topic)).toEqual([filter, 'other']);
    broker.connection.publish(filter, '1');
    await until(() => handled.length === 1);
  });

  it.each<[string, readonly number[], readonly string[]]>([['too few', [0], ['b']]])(
    'is not granted by a SUBACK with %s codes',
    async (_, codes, refused) => {
      await using broker = await startStubBroker({ script: { subscribe: codes } });
      await using server = createServer({ url: broker.url }, { events: { a: () => 1, b: () => 1 } });
      const failure = await outcomeOf(listen(server), 3000);
      expect(failure).toBeInstanceOf(SubscriptionError);
      expect((failure as SubscriptionError).refused.map(({ filter }) => filter)).toEqual(refused);
    },
  );

  it('is granted by a SUBACK with too many codes', async () => {
    await using broker = await startStubBroker({ script: { subscribe: [0, 0, 0x80] } });
    await using server = createServer({ url: broker.url }, { events: { a: () => 1, b: () => 1 } });
    expect(await outcomeOf(listen(server), 3000)).toBe('done');
  });

  it.each(['a/b', '', 'a+', '#'])('cannot be shared by the group "%s"', async (shared) => {
    const server = createServer({ url: 'mqtt://127.0.0.1:1', shared }, { events: { a: () => 1 } });
    expect(await outcomeOf(listen(server))).toBeInstanceOf(ConfigurationError);
  });

  it('that is shared and overlaps with one that is not is warned about, saying what happens', async () => {
    await using broker = await startStubBroker();
    await using _server = await startServer(
      { url: broker.url },
      { events: { '$share/workers/jobs/+': () => 1, 'jobs/#': () => 1 } },
    );
    // the copy for "jobs/#" goes to every member, which takes it for one of its share
    expect(logs.warnings()).toEqual([
      expect.stringMatching(
        /"jobs\/#" goes to every member of the group "workers" of "\$share\/workers\/jobs\/\+"/,
      ),
    ]);
  });
});

describe('a line of the log', () => {
  const NASTY = 'x\n[Nest] 1  - FAKE\u001b[31m\u0085';
  const request = (fields: object) => JSON.stringify({ pattern: 'ask', data: 1, id: '1', ...fields });

  it.each<[string, string, string]>([
    ['a replyTo', 'ask', request({ replyTo: `$${NASTY}` })],
    ['a replyTo without "$"', 'ask', request({ replyTo: NASTY })],
    ['a payload that is not JSON', 'json', NASTY],
    ['a payload that is echoed in an error', 'echo', JSON.stringify(NASTY)],
    ['a payload that is echoed in an RpcException', 'rpc', JSON.stringify(NASTY)],
    ['a topic', `unrouted/${NASTY}`, '1'],
    ['the topic of a handler', `level/${NASTY}`, 'x'],
  ])('has no control characters of a peer: %s', async (_, topic, payload) => {
    await using broker = await startStubBroker();
    await using _service = await startServer(
      { url: broker.url },
      {
        messages: { ask: () => 1 },
        events: {
          json: () => 1,
          'level/+': () => 1,
          echo: (data) => {
            throw new Error(`cannot do ${String(data)}`);
          },
          rpc: (data) => {
            throw new RpcException({ message: data as string });
          },
        },
        options: { codec: jsonCodec },
      },
    );
    broker.connection.publish(topic, payload);
    await until(() => logs.messages('warn', 'error').length > 0);
    for (const line of logs.messages()) expect(line).not.toMatch(CONTROL_CHARACTER);
  });

  it.each<[string, StubScript, string]>([
    [
      'a Reason String',
      {
        onConnected: (connection) =>
          connection.send({ cmd: 'disconnect', reasonCode: 0x8b, properties: { reasonString: NASTY } }),
      },
      'closes the connection',
    ],
    [
      'the topic of a message that nobody subscribed to',
      { onConnected: (connection) => connection.publish(NASTY, '1') },
      'No handler is for the message',
    ],
  ])('has no control characters of a broker: %s', async (_, script, expected) => {
    await using broker = await startStubBroker({ protocolVersion: 5, script });
    await using _client = await startClient(broker.url, { protocolVersion: 5 });
    await until(() => logs.messages().some((line) => line.includes(expected)));
    for (const line of logs.messages()) expect(line).not.toMatch(CONTROL_CHARACTER);
  });

  it.each(['/mqtt?X-Amz-Signature=SECRET', '?token=SECRET', '/mqtt#SECRET'])(
    'has no secret of the url: %s',
    async (rest) => {
      await using broker = await startStubBroker();
      const url = `${broker.url.replace('//', '//user:SECRET@')}${rest}`;
      const client = new ClientMqtt({ url });
      await client.connect();
      broker.closeConnections();
      await until(() => logs.warnings().length > 0);
      await client.close();
      const failing = new ClientMqtt({ url: url.replace(/:\d+/, ':1') });
      const failure = (await outcomeOf(failing.connect())) as Error & { url: string };
      expect([...logs.messages(), failure.message, failure.url].join('\n')).not.toContain('SECRET');
    },
  );

  it('nor of one whose password has a slash', async () => {
    const client = new ClientMqtt({ url: 'mqtt://user:SEC/RET@127.0.0.1:1' });
    const failure = (await outcomeOf(client.connect())) as Error;
    expect(failure.message).not.toMatch(/SEC|RET/);
  });
});

describe('a payload that looks like an envelope', () => {
  it('may have any depth', async () => {
    await using broker = await startStubBroker();
    const handled: unknown[] = [];
    await using _service = await startServer(
      { url: broker.url },
      { events: { a: (data) => handled.push(data) } },
    );
    const depth = 100_000;
    broker.connection.publish('a', `{"pattern":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)},"data":1}`);
    broker.connection.publish('a', '"after"');
    await until(() => handled.includes('after'));
    expect(broker.connections).toHaveLength(1);
  });
});

describeWithMosquitto('a dead letter on MQTT 5', () => {
  it.each([
    ['two lines', 'first\nsecond'],
    ['a null character', 'a\0b'],
    ['half a surrogate pair', 'a\ud800b'],
    ['a surrogate pair where it is cut', `${'x'.repeat(999)}😀`],
    ['more than 65,535 bytes', 'x'.repeat(70_000)],
  ])('reaches its topic when the error has %s', async (_, message) => {
    await using broker = await startMosquitto();
    await using device = await connectDevice(broker.url, { protocolVersion: 5 });
    await device.subscribe('dead');
    await using _service = await startServer(
      { url: broker.url, protocolVersion: 5 },
      {
        events: {
          a: () => {
            throw new Error(message);
          },
        },
        options: { qos: 1, deadLetter: 'dead' },
      },
    );
    await device.publish('a', '1', { qos: 1 });
    const { payload, packet } = await device.next('dead');
    expect(payload.toString()).toBe('1');
    expect(packet.properties?.userProperties).toMatchObject({ 'dead-letter-topic': 'a' });
  });
});

describe('values of a stream', () => {
  it.each<[string, readonly unknown[]]>([
    ['in the middle', [1, 10n, 3]],
    ['with more behind it', [1, 10n, 3, 4, 5]],
    ['at the end', [1, 10n]],
  ])('are answered with until one cannot be, which the requester is told: %s', async (_, values) => {
    await using broker = await startStubBroker();
    await using _service = await startServer({ url: broker.url }, { messages: { ask: () => from(values) } });
    broker.connection.publish(
      'ask',
      JSON.stringify({ pattern: 'ask', data: 1, id: '1', replyTo: 'replies' }),
    );
    await until(() => broker.packets('publish').some(({ payload }) => payload.includes('err')));
    const replies = broker.packets('publish').map(({ payload }) => JSON.parse(payload.toString()) as object);
    expect(replies).toEqual([
      { id: '1', response: 1 },
      { id: '1', err: INTERNAL_ERROR, isDisposed: true },
    ]);
  });
});
