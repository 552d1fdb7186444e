import { lastValueFrom } from 'rxjs';
import { MqttRecordBuilder } from '../../../src/index.js';
import { fence } from '../../support/fence.js';
import type { Feature } from '../feature.js';
import { Recorder } from './recorder.js';

const NUMBERS = Array.from({ length: 200 }, (_, index) => index);

/** More than brokers take at once: HiveMQ's Receive Maximum is 10, and it disconnects above it. */
export const burst: Feature = {
  name: 'a burst of 200 events with QoS 1, each handled once',
  run: async (scene) => {
    const { topic } = scene;
    const recorder = new Recorder([`${topic}/+`], { qos: 1 });
    await using service = await scene.startService({ controllers: recorder.controllers });
    await using client = await scene.startClient();
    const publish = (number: number) =>
      lastValueFrom(client.emit(`${topic}/${number}`, new MqttRecordBuilder(number).setQoS(1).build()), {
        defaultValue: undefined,
      });
    await Promise.all(NUMBERS.map(publish));
    await recorder.call(NUMBERS.length);
    await fence(scene.broker.url);
    expect(recorder.data.toSorted((one, other) => Number(one) - Number(other))).toEqual(NUMBERS);
    expect(service.logs.warnings()).toEqual([]); // such as that of a connection that is lost
  },
};
