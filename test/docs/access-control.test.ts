import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClientMqttOptions, ServerMqttOptions } from '../../src/index.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { createCertificateAuthority } from '../support/certificates.js';
import { connectDevice } from '../support/device.js';
import type { MosquittoSetup } from '../support/mosquitto-config.js';
import { startMosquitto, type Mosquitto } from '../support/mosquitto.js';
import { describeWithMosquitto } from '../support/needs-mosquitto.js';
import { outcomeOf } from '../support/outcome-of.js';
import { startClient } from '../support/start-client.js';
import { startServer } from '../support/start-server.js';
import { createTemporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';
import { readMarkdownPage } from './markdown-page.js';

const PASSWORD = 'secret';
const USERS = { users: { billing: PASSWORD, dashboard: PASSWORD, 'meter-7': PASSWORD } };
const { blocks } = readMarkdownPage('docs/security.md');

interface Scheme {
  readonly protocolVersion: 4 | 5;
  readonly list: string;
  readonly server: ServerMqttOptions;
  readonly client: ClientMqttOptions;
  /** Where the client's replies arrive, and where a stranger's would. */
  readonly replyTopics: readonly [client: string, stranger: string];
}

const byClientId = {
  list: listOf('acl'),
  server: {},
  client: {},
  replyTopics: ['clients/dashboard-1/replies', 'clients/meter-7/replies'],
} as const;

const byUser = {
  list: listOf('acl').replaceAll(/^.*clients\/.*$/gm, '') + listOf('acl-by-user'), // which takes the place of these
  server: {
    cancelTopic: 'clients/+/{clientId}/cancellations',
    allowResponseTopic: 'clients/+/+/replies',
  },
  client: {
    replyTopic: 'clients/dashboard/{clientId}/replies',
    cancelTopic: 'clients/dashboard/{clientId}/cancellations',
  },
  replyTopics: ['clients/dashboard/dashboard-1/replies', 'clients/meter-7/any/replies'],
} as const;

const schemes: Readonly<Record<string, Scheme>> = {
  'by Client Identifier, MQTT 5': { protocolVersion: 5, ...byClientId },
  'by Client Identifier, MQTT 3.1.1': { protocolVersion: 4, ...byClientId },
  'by user, MQTT 5': { protocolVersion: 5, ...byUser },
  'by user, MQTT 3.1.1': { protocolVersion: 4, ...byUser },
};

for (const [title, { protocolVersion, list, server, client, replyTopics }] of Object.entries(schemes)) {
  describeWithMosquitto(`the access control of docs/security.md (${title})`, () => {
    let logs: CapturedLogs;
    let broker: Mosquitto;

    beforeAll(async () => {
      broker = await startWithAccessControl(list);
    });
    afterAll(() => broker[Symbol.asyncDispose]());
    beforeEach(() => {
      logs = captureLogs();
    });
    afterEach(() => logs[Symbol.dispose]());

    const as = (username: string) => ({ protocolVersion, username, password: PASSWORD });
    const startDashboard = () =>
      startClient(broker.url, { ...as('dashboard'), clientId: 'dashboard-1', ...client });
    const connectMeter = () => connectDevice(broker.url, { ...as('meter-7'), clientId: 'meter-7' });
    const startBilling = (answer: (signal: AbortSignal) => unknown = () => 3) =>
      startServer(
        { url: broker.url, ...as('billing'), qos: 1, deadLetter: 'dead-letters', ...server },
        {
          messages: { 'meters/{meter}/total': (_, { signal }) => answer(signal) },
          events: { 'meters/{meter}/reading': () => Promise.reject(new Error('a failure')) },
        },
      );

    it('lets a request and its reply through', async () => {
      await using _billing = await startBilling();
      await using dashboard = await startDashboard();
      expect(await outcomeOf(dashboard.send('meters/7/total', {}))).toBe(3);
      expect(logs.messages('warn', 'error')).toEqual([]);
    });

    it('lets a cancellation through', async () => {
      const signals: AbortSignal[] = [];
      await using _billing = await startBilling((signal) => (signals.push(signal), once(signal, 'abort')));
      await using dashboard = await startDashboard();
      const request = dashboard.send('meters/7/total', {}).subscribe();
      const signal = await until(() => signals[0]);
      request.unsubscribe();
      await until(() => signal.aborted);
    });

    it("lets a device's event and its dead letter through", async () => {
      await using _billing = await startBilling();
      await using meter = await connectMeter();
      await meter.publish('meters/7/reading', '3', { qos: 1 });
      await until(() => /Received PUBLISH from \S+ \(.*'dead-letters'/.test(broker.log())); // or else Denied
    });

    it("keeps a stranger from the client's replies", async () => {
      const [replies, own] = replyTopics;
      await using _billing = await startBilling();
      await using dashboard = await startDashboard();
      await using meter = await connectMeter();
      await meter.subscribe('#');
      expect(await outcomeOf(dashboard.send('meters/7/total', {}))).toBe(3);
      await using billing = await connectDevice(broker.url, as('billing'));
      await billing.publish(own, 'marker', { qos: 1 });
      await meter.next(own);
      expect(meter.received.map(({ topic }) => topic)).toEqual([own]);
      expect(broker.log()).toContain(`'${replies}'`);
    });

    it('keeps a stranger from other topics of the service, and from cancelling', async () => {
      const cancellations = replyTopics[0].replace('replies', 'cancellations');
      for (const topic of ['meters/8/reading', 'meters/7/total', 'dead-letters', cancellations]) {
        await using meter = await connectMeter(); // mosquitto 2.0.11 may close the connection over it
        await meter.publish(topic, '1', { qos: 1 }).catch(() => undefined); // MQTT 3.1.1 is not told
        expect(broker.log()).toMatch(new RegExp(`Denied PUBLISH from meter-7 \\(.*'${topic}'`));
      }
    });
  });
}

describeWithMosquitto('the access control of docs/security.md (by certificate)', () => {
  it('takes the name of the certificate for that of the user', async () => {
    using logs = captureLogs();
    const authority = await createCertificateAuthority();
    await using broker = await startWithAccessControl(listOf('acl'), {
      listeners: ['mqtts'],
      tls: { ...(await authority.issue()), clientCa: authority.cert },
      config: ['use_identity_as_username true'], // of the listener above it
    });
    const url = broker.urlOf('mqtts');
    const as = async (commonName: string) => ({
      ca: authority.cert,
      ...(await authority.issue({ commonName })),
    });
    await using _billing = await startServer(
      { url, ...(await as('billing')) },
      { messages: { 'meters/{meter}/total': () => 3 } },
    );
    await using dashboard = await startClient(url, { ...(await as('dashboard')), clientId: 'dashboard-1' });
    expect(await outcomeOf(dashboard.send('meters/7/total', {}))).toBe(3);
    await using stranger = await startClient(url, { ...(await as('stranger')), clientId: 'stranger' });
    expect(await outcomeOf(stranger.emit('meters/7/total', {}))).toBe('done'); // MQTT 3.1.1 is not told
    await until(() => /Denied PUBLISH from stranger \(.*'meters\/7\/total'/.test(broker.log()));
    expect(logs.messages('warn', 'error')).toEqual([]);
  });
});

async function startWithAccessControl(list: string, setup: MosquittoSetup = USERS): Promise<Mosquitto> {
  await using folder = await createTemporaryFolder();
  const path = join(folder.path, 'acl');
  await writeFile(path, list);
  return await startMosquitto({ ...setup, config: [...(setup.config ?? []), `acl_file ${path}`] });
}

function listOf(name: string): string {
  const block = blocks.find(({ file }) => file === name);
  if (block === undefined) throw new Error(`docs/security.md has no block "${name}"`);
  return block.code;
}
