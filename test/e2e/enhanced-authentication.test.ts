import { createHmac } from 'node:crypto';
import { ClientMqtt, ConnectionError, type HandleAuth } from '../../src/index.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { startMosquitto } from '../support/mosquitto.js';
import { describeWithMosquitto } from '../support/needs-mosquitto.js';
import { outcomeOf } from '../support/outcome-of.js';
import { startClient } from '../support/start-client.js';
import { createServer, listen } from '../support/start-server.js';
import { startStubBroker, type StubBroker } from '../support/stub-broker.js';
import { until } from '../support/until.js';

const authenticationMethod = 'CHALLENGE';
const CONTINUE = 0x18;

let logs: CapturedLogs;

beforeEach(() => {
  logs = captureLogs();
});
afterEach(() => logs[Symbol.dispose]());

const sign = (secret: string, text: string) => createHmac('sha256', secret).update(text).digest();

/** Answers each challenge with its signature. */
const answerWith =
  (secret: string): HandleAuth =>
  ({ properties }, callback) => {
    const authenticationData = sign(secret, properties!.authenticationData!.toString());
    callback(undefined, {
      cmd: 'auth',
      reasonCode: CONTINUE,
      properties: { authenticationMethod, authenticationData },
    });
  };

const optionsOf = (broker: StubBroker, handleAuth: HandleAuth) => ({
  url: broker.url,
  protocolVersion: 5 as const,
  properties: { authenticationMethod, authenticationData: Buffer.from('service') },
  handleAuth,
});

/** A broker that leaves it to the test to answer the CONNECT. */
const startChallenger = () => startStubBroker({ protocolVersion: 5, script: { connect: 'ignore' } });

function challenge(broker: StubBroker, text: string): void {
  const properties = { authenticationMethod, authenticationData: Buffer.from(text) };
  broker.connection.send({ cmd: 'auth', reasonCode: CONTINUE, properties });
}

function conclude(broker: StubBroker): void {
  const answers = broker.connection.received('auth').map(({ properties }) => properties?.authenticationData);
  const right = answers.every((answer, index) => answer?.equals(sign('secret', `challenge ${index + 1}`)));
  broker.connection.send({
    cmd: 'connack',
    reasonCode: right && answers.length === 2 ? 0 : 0x87,
    sessionPresent: false,
  });
}

/** Two challenges, and the CONNACK. */
async function authenticate(broker: StubBroker, connection = 1): Promise<void> {
  await until(() => broker.connections[connection - 1]?.received('connect').length === 1);
  for (const round of [1, 2]) {
    challenge(broker, `challenge ${round}`);
    await until(() => broker.connection.received('auth').length === round);
  }
  conclude(broker);
}

describe('enhanced authentication', () => {
  it('answers challenges with handleAuth, of a server and of a client', async () => {
    await using broker = await startChallenger();
    await using server = createServer(optionsOf(broker, answerWith('secret')));
    const listening = outcomeOf(listen(server));
    await authenticate(broker);
    expect(await listening).toBe('done');

    await using client = new ClientMqttForTest(optionsOf(broker, answerWith('secret')));
    const connecting = outcomeOf(client.connect());
    await authenticate(broker, 2);
    expect(await connecting).toBe('done');
    expect(
      broker.packets('connect').map(({ properties }) => properties?.authenticationData?.toString()),
    ).toEqual(['service', 'service']);
  });

  it('is gone through again on each connection, with fresh data of refreshCredentials', async () => {
    await using broker = await startChallenger();
    let calls = 0;
    const refreshCredentials = () =>
      ++calls === 3 ? {} : { authenticationData: Buffer.from(`token ${calls}`) };
    const options = { ...optionsOf(broker, answerWith('secret')), refreshCredentials, reconnectPeriod: 5 };
    await using server = createServer(options);
    const listening = outcomeOf(listen(server));
    await authenticate(broker);
    await listening;
    broker.closeConnections();
    await authenticate(broker, 2);
    await until(() => server.unwrap().connected);
    broker.closeConnections();
    await authenticate(broker, 3);
    expect(
      broker
        .packets('connect')
        .map(({ properties }) => [
          properties?.authenticationMethod,
          properties?.authenticationData?.toString(),
        ]),
    ).toEqual([
      [authenticationMethod, 'token 1'],
      [authenticationMethod, 'token 2'],
      [authenticationMethod, 'service'],
    ]);
  });

  it('fails with wrong answers', async () => {
    await using broker = await startChallenger();
    const client = new ClientMqtt(optionsOf(broker, answerWith('wrong')));
    const connecting = outcomeOf(client.connect());
    await authenticate(broker);
    expect(await connecting).toMatchObject({ reasonCode: 0x87 });
  });

  it.each<[string, HandleAuth]>([
    ['gives an error', (_, callback) => void callback(new Error('no secret'))],
    [
      'throws',
      () => {
        throw new Error('no secret');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no secret'))],
  ])('fails if handleAuth %s', async (_, handleAuth) => {
    await using broker = await startChallenger();
    const client = new ClientMqtt(optionsOf(broker, handleAuth));
    const errors: unknown[] = [];
    client.on('error', (error) => errors.push(error));
    const connecting = outcomeOf(client.connect());
    await until(() => broker.packets('connect').length === 1);
    challenge(broker, 'challenge 1');
    const failure = await connecting;
    expect(failure).toBeInstanceOf(ConnectionError);
    expect(failure).toMatchObject({
      message: `Cannot connect to ${broker.url} (handleAuth failed: no secret)`,
    });
    await until(() => broker.openCount === 0);
    expect(errors).toEqual([expect.objectContaining({ message: 'handleAuth failed: no secret' })]);
  });

  it('passes authPacket on, which MQTT.js sends after the CONNECT', async () => {
    await using broker = await startStubBroker({ protocolVersion: 5 });
    const properties = { authenticationMethod };
    const authPacket = { reasonCode: CONTINUE, properties };
    await using _client = await startClient(broker.url, { protocolVersion: 5, properties, authPacket });
    await until(() => broker.packets('auth').length === 1);
    expect(broker.packets('auth')).toMatchObject([authPacket]);
  });
});

describeWithMosquitto('a broker that does not know the method', () => {
  it('refuses it for good', async () => {
    await using broker = await startMosquitto();
    await using server = createServer({
      url: broker.url,
      protocolVersion: 5,
      properties: { authenticationMethod },
    });
    expect(await outcomeOf(listen(server))).toMatchObject({
      reasonCode: 0x8c,
      message: `Cannot connect to ${broker.url} (0x8c Bad authentication method)`,
    });
  });
});

class ClientMqttForTest extends ClientMqtt implements AsyncDisposable {
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
