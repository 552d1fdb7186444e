import type { Packet } from 'mqtt';
import { closedGate } from '../../support/gate.js';
import { until } from '../../support/until.js';
import type { Feature } from '../feature.js';
import type { Scene } from '../scene.js';
import { Recorder } from './recorder.js';

const NUMBERS = Array.from({ length: 20 }, (_, index) => index);

export const waitingMessages: Feature = {
  name: 'messages wait for a process that is away',
  run: async (scene) => {
    const { topic } = scene;
    const session = scene.keptSession('waiting');
    const recorder = new Recorder([topic], { qos: 1 });
    const setup = { controllers: recorder.controllers, server: session };
    await (await scene.startService(setup)).close();
    await using device = await scene.connectDevice();
    for (const number of NUMBERS) await device.publish(topic, String(number), { qos: 1 });
    await using _service = await scene.startService(setup);
    await recorder.call(NUMBERS.length);
    expect(recorder.data).toEqual(NUMBERS);
  },
};

export const qos1Again: Feature = {
  name: 'QoS 1: what is unacknowledged comes again, and nothing else',
  run: (scene) => expectAgain(scene, 1),
};

export const qos2Again: Feature = {
  name: 'QoS 2: what is unacknowledged comes again, and nothing else',
  run: (scene) => expectAgain(scene, 2),
};

/** The first process ends while its handler runs, the second one handles the message, the third one does not see it. */
async function expectAgain(scene: Scene, qos: 1 | 2): Promise<void> {
  const { topic } = scene;
  const server = scene.keptSession(`again-${qos}`);
  await using device = await scene.connectDevice();

  const gate = closedGate();
  const first = new Recorder([topic], { qos }, () => gate.opened);
  {
    await using _service = await scene.startService({ controllers: first.controllers, server });
    await device.publish(topic, 'job', { qos });
    await first.call(1);
  }
  gate.open();

  const second = new Recorder([topic], { qos });
  {
    const sent: string[] = [];
    await using _service = await scene.startService({
      controllers: second.controllers,
      server,
      configure: (app) => app.on('packetsend', ({ cmd }: Packet) => sent.push(cmd)),
    });
    await second.call(1);
    // Artemis may deliver a QoS 2 message again to who disconnects right after the PUBREC
    await until(() => qos === 1 || sent.includes('pubcomp'));
  }
  expect(second.data).toEqual(['job']);

  const third = new Recorder([topic], { qos });
  await using _service = await scene.startService({ controllers: third.controllers, server });
  await device.publish(topic, 'end', { qos });
  await third.callWith('end');
  expect(third.data).toEqual(['end']);
}
