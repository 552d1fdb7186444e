import { lastValueFrom } from 'rxjs';
import { MqttRecordBuilder } from '../../../src/index.js';
import type { Feature } from '../feature.js';
import type { Scene } from '../scene.js';
import { Recorder } from './recorder.js';

export const spaces: Feature = { name: 'a space', run: (scene) => expectTopics(scene, 'meter 7/kWh') };
export const dots: Feature = { name: 'a dot', run: (scene) => expectTopics(scene, 'v1.2/meter.7') };
export const emptyLevels: Feature = {
  name: 'empty levels',
  run: (scene) => expectTopics(scene, '/meter//7/'),
};
export const stars: Feature = { name: '`*` and `>`', run: (scene) => expectTopics(scene, 'a*b/>/*') };
export const punctuation: Feature = {
  name: 'other punctuation',
  run: (scene) => expectTopics(scene, `a:b/c;d,e/f%20g?h=i&j/~!@$^()[]|\\'"\``),
};
export const letters: Feature = {
  name: 'letters of any language, and emoji',
  run: (scene) => expectTopics(scene, 'måler/温度/🌡'),
};

/** From a device and from a client to a handler of the exact topic and to one with wildcards. */
async function expectTopics(scene: Scene, name: string): Promise<void> {
  const topic = `${scene.topic}/${name}`;
  const exact = new Recorder([topic], { qos: 1 });
  const named = new Recorder([`${scene.topic}/{rest*}`], { qos: 1 });
  await using _exact = await scene.startService({ controllers: exact.controllers });
  await using _named = await scene.startService({ controllers: named.controllers });
  await using device = await scene.connectDevice();
  await using client = await scene.startClient();
  await device.publish(topic, 'device', { qos: 1 });
  await Promise.all([exact.call(1), named.call(1)]);
  const record = new MqttRecordBuilder('client').setQoS(1).build();
  await lastValueFrom(client.emit(topic, record), { defaultValue: undefined });
  await Promise.all([exact.call(2), named.call(2)]);
  expect(exact.data).toEqual(['device', 'client']);
  expect(named.calls.map(({ context }) => context.params.rest)).toEqual([name, name]);
}
