import { setTimeout as delay } from 'node:timers/promises';
import { fence } from '../../support/fence.js';
import { closedGate } from '../../support/gate.js';
import type { Feature, Limit } from '../feature.js';
import type { Scene } from '../scene.js';
import { Recorder } from './recorder.js';

/** HiveMQ gives up a client that is silent for a second longer than the keep alive of one second. */
const KEEP_ALIVE_SECONDS = 2;
/** Longer than the keep alive and a half, and than NATS waits before it delivers again on the same connection. */
const LONG_MS = 3500;

export const longHandler: Feature = {
  name: 'a handler that outlasts the keep alive runs once',
  run: async (scene) => {
    const { topic } = scene;
    const recorder = new Recorder([topic], { qos: 1 }, ({ data }) => data === 'slow' && delay(LONG_MS));
    await using _service = await scene.startService({
      controllers: recorder.controllers,
      server: { keepalive: KEEP_ALIVE_SECONDS },
    });
    await using device = await scene.connectDevice();
    await device.publish(topic, 'slow', { qos: 1 });
    await device.publish(topic, 'end', { qos: 1 }); // of the same topic, and so handled after it
    await recorder.callWith('end');
    expect(recorder.data).toEqual(['slow', 'end']);
  },
};

export const slowHandler: Feature = {
  name: 'a slow handler does not hold up other topics',
  run: (scene) =>
    whileOneIsSlow(scene, async (fast) => {
      await fast.call(1);
    }),
};

/** A broker that sends no new message while one is unacknowledged. */
export const oneAtATime: Limit = {
  feature: slowHandler,
  words: 'what comes later is sent after the acknowledgement',
  run: (scene) =>
    whileOneIsSlow(scene, async (fast) => {
      await fence(scene.broker.url);
      expect(fast.calls).toEqual([]);
    }),
};

async function whileOneIsSlow(scene: Scene, expectIt: (fast: Recorder) => Promise<void>): Promise<void> {
  const { topic } = scene;
  const gate = closedGate();
  const slow = new Recorder([`${topic}/slow`], { qos: 1 }, () => gate.opened);
  const fast = new Recorder([`${topic}/fast`], { qos: 1 });
  await using _service = await scene.startService({
    controllers: [...slow.controllers, ...fast.controllers],
  });
  await using device = await scene.connectDevice();
  await device.publish(`${topic}/slow`, 'x', { qos: 1 });
  await slow.call(1);
  await device.publish(`${topic}/fast`, 'x', { qos: 1 });
  await expectIt(fast);
  gate.open();
  await fast.call(1);
}
