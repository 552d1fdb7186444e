import { until } from '../../support/until.js';
import type { Feature } from '../feature.js';
import { Recorder } from './recorder.js';

export const willOfDevice: Feature = {
  name: "a device's Will",
  run: async (scene) => {
    const { topic } = scene;
    const recorder = new Recorder([`${topic}/{device}/state`], { qos: 1 });
    await using _service = await scene.startService({ controllers: recorder.controllers });
    const will = { topic: `${topic}/7/state`, payload: Buffer.from('gone'), qos: 1 as const, retain: false };
    await using device = await scene.connectDevice({ will });
    device.client.stream.destroy();
    expect((await recorder.call(1)).data).toBe('gone');
  },
};

export const willOfService: Feature = {
  name: "a service's Will, and its way back",
  run: async (scene) => {
    const { topic } = scene;
    const recorder = new Recorder([`${topic}/readings`], { qos: 1 });
    await using device = await scene.connectDevice();
    await device.subscribe(`${topic}/state`);
    const will = { topic: `${topic}/state`, payload: Buffer.from('gone'), qos: 1 as const, retain: false };
    await using service = await scene.startService({ controllers: recorder.controllers, server: { will } });
    service.server.unwrap().stream.destroy();
    expect((await device.next(`${topic}/state`)).payload.toString()).toBe('gone');
    await until(async () => {
      await device.publish(`${topic}/readings`, '3', { qos: 1 });
      return recorder.calls.length > 0;
    });
  },
};
