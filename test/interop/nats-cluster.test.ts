import { lastValueFrom, timeout } from 'rxjs';
import { MqttRecordBuilder, type ClientMqttOptions } from '../../src/index.js';
import { closedGate } from '../support/gate.js';
import { startApp } from '../support/start-app.js';
import { startClient } from '../support/start-client.js';
import { until } from '../support/until.js';
import { natsVersion } from './brokers/nats.js';
import { startNatsCluster } from './brokers/nats-cluster.js';
import { Recorder } from './features/recorder.js';
import { sumController } from './features/sum-controller.js';

/** The others elect leaders first; until then they refuse. */
const FAIL_OVER_MS = 60_000;

const REQUEST_MS = 2000;

const describeWithNats = natsVersion === undefined ? describe.skip : describe;

describeWithNats('a cluster of three NATS servers', () => {
  it('loses the one that everybody is connected to, and services and clients go on with another', async () => {
    await using cluster = await startNatsCluster();
    const { servers } = cluster;
    const options: ClientMqttOptions = { servers, reconnectPeriod: 100, connectTimeout: 3000 };
    const gate = closedGate();
    const recorder = new Recorder(['jobs'], { qos: 1 }, () => gate.opened);
    await using service = await startApp({
      controllers: [...recorder.controllers, sumController('math')],
      server: { ...options, clean: false, clientId: 'service' },
    });
    await using client = await startClient('mqtt://unused', options);
    const publish = (job: string) =>
      lastValueFrom(client.emit('jobs', new MqttRecordBuilder(job).setQoS(1).build()), { defaultValue: job });
    const sum = () => lastValueFrom(client.send('math/sum', [1, 2]).pipe(timeout(REQUEST_MS)));
    expect(await sum()).toBe(3);
    await publish('first');
    await recorder.call(1);

    await cluster.kill(servers[0]!.port);
    await publish('second');
    await until(async () => (await sum()) === 3, { deadlineMs: FAIL_OVER_MS });
    gate.open();

    await recorder.callWith('second');
    expect(new Set(recorder.data)).toEqual(new Set(['first', 'second']));
    expect(service.server.unwrap().options.port).not.toBe(servers[0]!.port);
  }, 120_000);
});
