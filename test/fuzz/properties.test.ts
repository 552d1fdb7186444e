import { MqttRecord as NestMqttRecord } from '@nestjs/microservices';
import fc from 'fast-check';
import { MqttRecord, PublishError, type MqttRecordOptions } from '../../src/index.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { outcomeOf } from '../support/outcome-of.js';
import { startClient } from '../support/start-client.js';
import { startServer } from '../support/start-server.js';
import { startStubBroker, type StubBroker } from '../support/stub-broker.js';
import { until } from '../support/until.js';
import { fuzzSettings, fuzzTimeoutMs } from './fuzz-settings.js';
import { anyOptions, contentAskedFor, contentOf } from './message-options.js';
import { PublishReader, type ReadPublish } from './read-publishes.js';

const RUNS = 150;
const DEADLINE_MS = 2000;
const INTERNAL_ERROR = '{"status":"error","message":"Internal server error"}';

const connect = { properties: { topicAliasMaximum: 20 } };

let logs: CapturedLogs;

beforeEach(() => {
  logs = captureLogs();
});
afterEach(() => logs[Symbol.dispose]());

describe.each([4, 5] as const)('a message with any options (MQTT version %d)', (protocolVersion) => {
  it.each([
    ['our record', (given: MqttRecordOptions) => new MqttRecord('x', given)],
    ["Nest's record", (given: MqttRecordOptions) => new NestMqttRecord('x', given as never)],
  ])(
    'is published as it is, or fails before anything is written (%s)',
    async (_, toRecord) => {
      await using broker = await startStubBroker({ protocolVersion, script: { connect } });
      await using client = await startClient(broker.url, { protocolVersion, reconnectPeriod: 5 });
      const seen = publishesOf(broker);
      let published = 0;
      const property = fc.asyncProperty(anyOptions, async (given) => {
        const outcome = await outcomeOf(client.emit('out', toRecord(given)), DEADLINE_MS);
        if (outcome === 'done') {
          const publish = await until(() => seen[published], { deadlineMs: DEADLINE_MS });
          expect(contentOf(publish)).toEqual(contentAskedFor(given, protocolVersion));
          published++;
        } else {
          expect(outcome).toBeInstanceOf(PublishError);
        }
        expect([seen.length, broker.connections.length]).toEqual([published, 1]);
      });
      await fc.assert(property, { ...fuzzSettings(RUNS), endOnFailure: true });
      expect(published).toBeGreaterThan(RUNS / 10);
    },
    fuzzTimeoutMs(20_000),
  );
});

describe('a reply with any options', () => {
  it(
    'is published as it is, or an error is in its place',
    async () => {
      await using broker = await startStubBroker({ protocolVersion: 5, script: { connect } });
      let next: MqttRecordOptions = {};
      await using _server = await startServer(
        { url: broker.url, protocolVersion: 5 },
        { messages: { ask: () => new MqttRecord('x', next) } },
      );
      const seen = publishesOf(broker);
      const [correlationData, responseTopic] = [Buffer.from('id'), 'replies'];
      let [answers, errors] = [0, 0];
      const property = fc.asyncProperty(anyOptions, async (given) => {
        next = given;
        broker.connection.publish('ask', '1', { properties: { responseTopic, correlationData } });
        const reply = await until(() => seen[answers], { deadlineMs: DEADLINE_MS });
        answers++;
        if (reply.payload.equals(Buffer.from(INTERNAL_ERROR))) errors++;
        else expect(contentOf(reply)).toEqual(contentAskedFor(answering(given, correlationData), 5));
        expect([seen.length, broker.connections.length]).toEqual([answers, 1]);
      });
      await fc.assert(property, { ...fuzzSettings(RUNS), endOnFailure: true });
      expect(answers - errors).toBeGreaterThan(RUNS / 10);
    },
    fuzzTimeoutMs(20_000),
  );
});

/** A reply has the Correlation Data of its request, whatever its record says. */
function answering(given: MqttRecordOptions, correlationData: Buffer): MqttRecordOptions {
  return { ...given, properties: { ...given.properties, correlationData } };
}

function publishesOf({ connection: { socket, protocolVersion } }: StubBroker): readonly ReadPublish[] {
  const reader = new PublishReader(protocolVersion);
  const publishes: ReadPublish[] = [];
  socket.on('data', (received) => publishes.push(...reader.read(received)));
  return publishes;
}
