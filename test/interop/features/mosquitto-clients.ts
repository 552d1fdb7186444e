import { lastValueFrom } from 'rxjs';
import { MqttRecordBuilder } from '../../../src/index.js';
import { findExecutable } from '../../support/find-executable.js';
import { until } from '../../support/until.js';
import type { Feature } from '../feature.js';
import { PeerProgram } from '../peers/peer-program.js';
import type { Scene } from '../scene.js';
import { Recorder } from './recorder.js';
import { sumController } from './sum-controller.js';

export const mosquittoPubSub: Feature = {
  name: '`mosquitto_pub` and `mosquitto_sub`',
  run: async (scene) => {
    const { topic } = scene;
    const recorder = new Recorder([`${topic}/reading`], { qos: 2 });
    await using _service = await scene.startService({ controllers: recorder.controllers });
    await using client = await scene.startClient();
    await using publisher = program(scene, 'mosquitto_pub', `${topic}/reading`, [
      '-q',
      '1',
      '-m',
      '{"kwh":3}',
    ]);
    expect((await recorder.call(1)).data).toEqual({ kwh: 3 });
    await publisher.output();

    await using subscriber = program(scene, 'mosquitto_sub', `${topic}/command`, ['-q', '1', '-C', '1']);
    const record = new MqttRecordBuilder({ on: true }).setQoS(1).build();
    await until(async () => {
      await lastValueFrom(client.emit(`${topic}/command`, record), { defaultValue: undefined });
      return !subscriber.running; // it does not say when it is subscribed
    });
    expect(await subscriber.output()).toEqual(['{"on":true}']);
  },
};

export const mosquittoRequest: Feature = {
  name: '`mosquitto_rr`',
  run: async (scene) => {
    const { topic, protocolVersion } = scene;
    await using _service = await scene.startService({ controllers: [sumController(topic)] });
    const request = { pattern: `${topic}/sum`, data: [4, 5], id: '7', replyTo: `${topic}/answers` };
    const payload = protocolVersion === 5 ? '[4,5]' : JSON.stringify(request);
    const args = ['-q', '1', '-e', `${topic}/answers`, '-m', payload, '-W', '10'];
    await using requester = program(scene, 'mosquitto_rr', `${topic}/sum`, args);
    const [answer] = await requester.output();
    const expected = protocolVersion === 5 ? 9 : { id: '7', response: 9, isDisposed: true };
    expect(JSON.parse(answer ?? '')).toEqual(expected);
  },
};

function program({ broker, protocolVersion }: Scene, name: string, topic: string, args: readonly string[]) {
  const { port } = new URL(broker.url);
  const version = protocolVersion === 5 ? '5' : 'mqttv311';
  return new PeerProgram(findExecutable(name) ?? name, ['-p', port, '-V', version, '-t', topic, ...args]);
}
