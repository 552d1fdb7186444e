import { lastValueFrom } from 'rxjs';
import { ConnectionError, MqttRecordBuilder, type MqttConnectionOptions } from '../../../src/index.js';
import { outcomeOf } from '../../support/outcome-of.js';
import type { Feature } from '../feature.js';
import type { Scene } from '../scene.js';
import { Recorder } from './recorder.js';

export const tls: Feature = {
  name: 'TLS',
  run: async (scene) => {
    const { tlsUrl: url, ca } = scene.broker;
    await expectToWork(scene, { url, ca });
    const stranger = scene.startService({ server: { url, maxConnectionAttempts: 1 } });
    const error = await outcomeOf(stranger);
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({ message: expect.stringContaining('DEPTH_ZERO_SELF_SIGNED_CERT') });
  },
};

export const webSocket: Feature = {
  name: 'WebSocket',
  run: (scene) => expectToWork(scene, { url: scene.broker.wsUrl }),
};

async function expectToWork(scene: Scene, options: MqttConnectionOptions): Promise<void> {
  const { topic } = scene;
  const recorder = new Recorder([topic], { qos: 1 });
  await using _service = await scene.startService({ controllers: recorder.controllers, server: options });
  await using client = await scene.startClient(options);
  const record = new MqttRecordBuilder({ kwh: 3 }).setQoS(1).build();
  await lastValueFrom(client.emit(topic, record), { defaultValue: undefined });
  expect((await recorder.call(1)).data).toEqual({ kwh: 3 });
}
