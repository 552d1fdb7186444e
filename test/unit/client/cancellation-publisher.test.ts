import { CancellationPublisher } from '../../../src/client/cancellation-publisher.js';
import { ConnectionError, PublishError } from '../../../src/errors.js';
import { captureLogs, type CapturedLogs } from '../../support/capture-logs.js';
import { Deferred } from '../../../src/connection/deferred.js';

const CLOSED = new ConnectionError('closed', 'mqtt://broker');
const REFUSED = new PublishError('refused', 'topic', 0x87);

let logs: CapturedLogs;

beforeEach(() => {
  logs = captureLogs();
});
afterEach(() => logs[Symbol.dispose]());

describe('CancellationPublisher', () => {
  it('waits for the first one, and publishes the others in QoS 0 then', async () => {
    const { publish, published, settle } = create();
    for (const topic of ['1', '2', '3']) publish(topic);
    expect(published).toEqual(['1 QoS 1']);
    await settle();
    expect(published).toEqual(['1 QoS 1', '2 QoS 0', '3 QoS 0']);
    publish('4');
    expect(published.at(-1)).toBe('4 QoS 0');
  });

  it('publishes none after one that is refused, and says so once', async () => {
    const { publish, published, settle } = create();
    for (const topic of ['1', '2']) publish(topic);
    await settle(REFUSED);
    publish('3');
    expect(published).toEqual(['1 QoS 1']);
    expect(logs.warnings()).toEqual(['refused: requests cannot be cancelled (see the option cancelTopic)']);
  });

  it('drops those that wait when the connection is closed, and tries again with the next one', async () => {
    const { publish, published, settle } = create();
    for (const topic of ['1', '2']) publish(topic);
    await settle(CLOSED);
    publish('3');
    expect(published).toEqual(['1 QoS 1', '3 QoS 1']);
    expect(logs.warnings()).toEqual([]);
  });

  it('does not wait when the connection is about to be closed', async () => {
    const { publish, published, publisher, settle } = create();
    publish('1');
    publisher.publishLast({ topic: '2', publication: { payload: '' } });
    expect(published).toEqual(['1 QoS 1', '2 QoS 0']);
    await settle(REFUSED);
    publisher.publishLast({ topic: '3', publication: { payload: '' } });
    expect(published).toHaveLength(2);
  });
});

function create() {
  const published: string[] = [];
  const first = new Deferred<void>();
  const publisher = new CancellationPublisher((topic, _, qos) => {
    published.push(`${topic} QoS ${qos}`);
    return first.promise;
  }, logs);
  const publish = (topic: string) => publisher.publish({ topic, publication: { payload: '' } });
  const settle = async (error?: Error) => {
    if (error) first.reject(error);
    else first.resolve();
    await new Promise(setImmediate);
  };
  return { publisher, publish, published, settle };
}
