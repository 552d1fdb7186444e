import type { Feature, Limit } from '../feature.js';
import type { Scene } from '../scene.js';
import { Recorder } from './recorder.js';

export const retained: Feature = {
  name: 'retained messages',
  run: (scene) => expectRetained(scene, 'kitchen/state'),
};

export const retainedByWildcard: Feature = {
  name: 'retained messages, by a wildcard',
  run: (scene) => expectRetained(scene, '+/state'),
};

export const noRetainedByWildcard: Limit = {
  feature: retainedByWildcard,
  words: 'none is sent',
  run: (scene) => expectReceived(scene, '+/state', []),
};

/** A service that starts later gets the message, and one that comes while it runs as any other. */
async function expectRetained(scene: Scene, filter: string): Promise<void> {
  await expectReceived(scene, filter, [['on', true]]);
}

async function expectReceived(
  scene: Scene,
  filter: string,
  retainedOnes: readonly (readonly [string, boolean])[],
): Promise<void> {
  const { topic } = scene;
  const recorder = new Recorder([`${topic}/${filter}`], { qos: 1 });
  await using device = await scene.connectDevice();
  await device.publish(`${topic}/kitchen/state`, 'on', { qos: 1, retain: true });
  await using _service = await scene.startService({ controllers: recorder.controllers });
  for (const [data] of retainedOnes) await recorder.callWith(data);
  await device.publish(`${topic}/kitchen/state`, 'later', { qos: 1 });
  await recorder.callWith('later');
  const received = recorder.calls.map(({ data, context }) => [data, context.retain]);
  await device.publish(`${topic}/kitchen/state`, '', { qos: 1, retain: true }); // so that none is left
  expect(received).toEqual([...retainedOnes, ['later', false]]);
}
