import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { describeOnBrokers } from '../support/brokers.js';
import { connectDevice } from '../support/device.js';
import { startServer } from '../support/start-server.js';
import { until } from '../support/until.js';

let logs: CapturedLogs;

beforeEach(() => {
  logs = captureLogs();
});
afterEach(() => logs[Symbol.dispose]());

describeOnBrokers('a message for a message handler that asks for no reply', ({ protocolVersion, start }) => {
  it('is handled, and the first one told of, for a requester may wait in vain', async () => {
    const handled: unknown[] = [];
    await using broker = await start();
    await using _server = await startServer(
      { url: broker.url, protocolVersion },
      { messages: { 'math/sum': (data) => handled.push(data) } },
    );
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.publish('math/sum', '[1,2]', { qos: 1 });
    await device.publish('math/sum', '[3,4]', { qos: 1 });
    await until(() => handled.length === 2);
    expect(logs.warnings()).toEqual([
      '@MessagePattern("math/sum") runs for a message on "math/sum" that asks for no reply, so its result is nobody\'s (a Response Topic arrives on MQTT 5 only: protocolVersion); others are not reported',
    ]);
  });
});
