import { lastValueFrom } from 'rxjs';
import { MqttRecordBuilder } from '../../../src/index.js';
import { fence } from '../../support/fence.js';
import type { Feature } from '../feature.js';
import type { Scene } from '../scene.js';
import { Recorder } from './recorder.js';

const LARGE = 100_000;
const BYTES = Buffer.from([0xff, 0x00, 0xfe]);

export const qos0: Feature = { name: 'QoS 0', run: (scene) => expectEvents(scene, 0) };
export const qos1: Feature = { name: 'QoS 1', run: (scene) => expectEvents(scene, 1) };
export const qos2: Feature = { name: 'QoS 2', run: (scene) => expectEvents(scene, 2) };

/** From a device to a service, from a service to another one and to a device: once, with what it was sent with. */
async function expectEvents(scene: Scene, qos: 0 | 1 | 2): Promise<void> {
  const { topic } = scene;
  const recorder = new Recorder([`${topic}/{site}/reading`], { qos });
  await using _service = await scene.startService({ controllers: recorder.controllers });
  await using client = await scene.startClient();
  await using device = await scene.connectDevice();
  await device.subscribe(`${topic}/command`, { qos });

  await device.publish(`${topic}/oslo/reading`, '{"kwh":3}', { qos });
  await recorder.call(1);
  await device.publish(`${topic}/oslo/reading`, BYTES, { qos });
  await recorder.call(2);
  await lastValueFrom(client.emit(`${topic}/rome/reading`, record('four', qos)), { defaultValue: undefined });
  await recorder.call(3);
  await lastValueFrom(client.emit(`${topic}/command`, record({ on: true }, qos)), {
    defaultValue: undefined,
  });

  const command = await device.next(`${topic}/command`);
  expect(command.payload.toString()).toBe('{"on":true}');
  expect(command.packet.qos).toBe(qos);
  await fence(device, { qos });
  expect(recorder.data).toEqual([{ kwh: 3 }, BYTES, 'four']);
  expect(recorder.calls.map(({ context }) => context.params.site)).toEqual(['oslo', 'oslo', 'rome']);
  expect(recorder.calls.map(({ context }) => context.qos)).toEqual([qos, qos, qos]);
}

export const largePayloads: Feature = {
  name: 'payloads of 100 kB',
  run: async (scene) => {
    const { topic } = scene;
    const recorder = new Recorder([`${topic}/+`], { qos: 1 });
    await using _service = await scene.startService({ controllers: recorder.controllers });
    await using client = await scene.startClient();
    await using device = await scene.connectDevice();
    const bytes = Buffer.alloc(LARGE, BYTES);
    const json = { text: 'å'.repeat(LARGE / 2) };
    await device.publish(`${topic}/bytes`, bytes, { qos: 1 });
    await recorder.call(1);
    await lastValueFrom(client.emit(`${topic}/json`, record(json, 1)), { defaultValue: undefined });
    await recorder.call(2);
    expect(recorder.data).toEqual([bytes, json]);
  },
};

export const properties: Feature = {
  name: 'User Properties and the Content Type',
  mqtt5: true,
  run: async (scene) => {
    const { topic } = scene;
    const recorder = new Recorder([topic], { qos: 1 });
    await using _service = await scene.startService({ controllers: recorder.controllers });
    await using device = await scene.connectDevice();
    await device.publish(topic, '42', {
      qos: 1,
      properties: { contentType: 'text/plain', userProperties: { tenant: 'acme', tag: ['a', 'b'] } },
    });
    const { data, context } = await recorder.call(1);
    expect(data).toBe('42'); // and not the number, which it would be without the Content Type
    expect(context.userProperties).toEqual({ tenant: 'acme', tag: ['a', 'b'] });
  },
};

export const messageExpiry: Feature = {
  name: 'message expiry',
  mqtt5: true,
  run: async (scene) => {
    const { topic } = scene;
    const session = scene.keptSession('expiry');
    const recorder = new Recorder([topic], { qos: 1 });
    const setup = { controllers: recorder.controllers, server: session };
    await (await scene.startService(setup)).close();
    await using device = await scene.connectDevice();
    await device.publish(topic, 'short-lived', { qos: 1, properties: { messageExpiryInterval: 1 } });
    await device.publish(topic, 'long-lived', { qos: 1, properties: { messageExpiryInterval: 3600 } });
    await expired(1);
    await using _service = await scene.startService(setup);
    const { data, context } = await recorder.call(1);
    expect(data).toBe('long-lived');
    expect(context.remainingExpirySeconds).toBeLessThan(3600);
  },
};

/** The only clock here is the broker's. */
function expired(seconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, seconds * 1000 + 1500);
  });
}

function record<T>(data: T, qos: 0 | 1 | 2) {
  return new MqttRecordBuilder(data).setQoS(qos).build();
}
