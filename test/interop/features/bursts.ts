import { lastValueFrom } from 'rxjs';
import { MqttRecordBuilder } from '../../../src/index.js';
import { captureLogs } from '../../support/capture-logs.js';
import { fence } from '../../support/fence.js';
import type { Feature, Limit } from '../feature.js';
import type { Scene } from '../scene.js';
import { Recorder } from './recorder.js';

const BURST = 200;
const NUMBERS = Array.from({ length: BURST }, (_, index) => index);

export const burst: Feature = {
  name: 'a burst of 200 events with QoS 1, each handled once',
  run: async (scene) => {
    const { data } = await publishBurst(scene);
    expect(data.toSorted(byNumber)).toEqual(NUMBERS);
  },
};

/** A broker that disconnects who publishes more at once than its Receive Maximum [MQTT-3.3.4-9]. */
export const burstInterrupted: Limit = {
  feature: burst,
  protocolVersion: 5,
  words: 'disconnects above its Receive Maximum of 10, upon which some come again',
  says: 'warns: `The broker closes the connection (0x93 Receive maximum exceeded)`',
  run: async (scene) => {
    using logs = captureLogs();
    const { data } = await publishBurst(scene);
    expect(data.length).toBeGreaterThan(BURST);
    expect([...new Set(data)].toSorted(byNumber)).toEqual(NUMBERS);
    expect(logs.warnings()).toContainEqual(expect.stringContaining('(0x93'));
  },
};

async function publishBurst(scene: Scene): Promise<Recorder> {
  const { topic } = scene;
  const recorder = new Recorder([`${topic}/+`], { qos: 1 });
  await using _service = await scene.startService({ controllers: recorder.controllers });
  await using client = await scene.startClient();
  const publish = (number: number) =>
    lastValueFrom(client.emit(`${topic}/${number}`, new MqttRecordBuilder(number).setQoS(1).build()), {
      defaultValue: undefined,
    });
  await Promise.all(NUMBERS.map(publish));
  await recorder.call(BURST);
  await fence(scene.broker.url);
  return recorder;
}

function byNumber(one: unknown, other: unknown): number {
  return Number(one) - Number(other);
}
