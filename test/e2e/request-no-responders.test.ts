import { MqttRecord, NoRespondersError, RequestTimeoutError } from '../../src/index.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { connectDevice } from '../support/device.js';
import { outcomeOf } from '../support/outcome-of.js';
import { startClient } from '../support/start-client.js';
import { startServer } from '../support/start-server.js';
import { startStubBroker } from '../support/stub-broker.js';

let logs: CapturedLogs;

beforeEach(() => {
  logs = captureLogs();
});
afterEach(() => logs[Symbol.dispose]());

const LONG_MS = 60_000;
const SHORT_MS = 40;

describeOnBrokers('a request that nobody hears', ({ protocolVersion, start, kind }) => {
  const saysSo = kind === 'mosquitto' && protocolVersion === 5;
  let broker: Broker;

  beforeAll(async () => {
    broker = await start();
  });
  afterAll(() => broker[Symbol.asyncDispose]());

  const ask = async (qos: 0 | 1 | 2, timeoutMs: number) => {
    await using client = await startClient(broker.url, { protocolVersion });
    return await outcomeOf(client.send('ask', new MqttRecord(1, { qos, timeoutMs })));
  };

  if (saysSo) {
    it('fails at once (QoS 1)', async () => {
      const failure = await ask(1, LONG_MS);
      expect(failure).toBeInstanceOf(NoRespondersError);
      expect(failure).toMatchObject({
        code: 'ERR_MQTT_NO_RESPONDERS',
        topic: 'ask',
        message: 'Nobody is subscribed to "ask", where the request went (0x10 No matching subscribers)',
      });
    });
  }

  // mosquitto does not say so of QoS 2
  it.each(saysSo ? ([0, 2] as const) : ([0, 1, 2] as const))('fails after its time (QoS %d)', async (qos) => {
    expect(await ask(qos, SHORT_MS)).toBeInstanceOf(RequestTimeoutError);
  });

  it.each([1, 2] as const)('is not one that a device hears, and leaves unanswered (QoS %d)', async (qos) => {
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.subscribe('ask');
    expect(await ask(qos, SHORT_MS)).toBeInstanceOf(RequestTimeoutError);
  });

  it.each([1, 2] as const)('is not one that is answered (QoS %d)', async (qos) => {
    await using _server = await startServer(
      { url: broker.url, protocolVersion },
      { messages: { ask: () => 'answer' }, options: { qos } },
    );
    expect(await ask(qos, LONG_MS)).toBe('answer');
  });
});

describe('a broker that finds no subscribers for a request', () => {
  it.each([1, 2] as const)('is believed at once (QoS %d)', async (qos) => {
    const cmd = qos === 1 ? 'puback' : 'pubrec';
    await using broker = await startStubBroker({
      protocolVersion: 5,
      script: {
        publish: ({ messageId }, connection) => {
          connection.send({ cmd, messageId: messageId!, reasonCode: 0x10 });
          return 'ignore';
        },
      },
    });
    await using client = await startClient(broker.url, { protocolVersion: 5 });
    expect(await outcomeOf(client.send('ask', new MqttRecord(1, { qos })))).toBeInstanceOf(NoRespondersError);
    expect(await outcomeOf(client.emit('ask', new MqttRecord(1, { qos })))).toBe('done');
  });
});
