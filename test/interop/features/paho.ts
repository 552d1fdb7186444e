import { fileURLToPath } from 'node:url';
import { lastValueFrom } from 'rxjs';
import { MqttRecordBuilder } from '../../../src/index.js';
import { pahoPython } from '../peers/paho-python.js';
import { PeerProgram } from '../peers/peer-program.js';
import type { Feature } from '../feature.js';
import type { Scene } from '../scene.js';
import { Recorder } from './recorder.js';
import { sumController } from './sum-controller.js';

const PROGRAM = fileURLToPath(new URL('../peers/paho_peer.py', import.meta.url));

export const pahoEvents: Feature = {
  name: 'paho-mqtt (Python): events',
  run: async (scene) => {
    const { topic, protocolVersion } = scene;
    const recorder = new Recorder([`${topic}/{site}`], { qos: 2 });
    await using _service = await scene.startService({ controllers: recorder.controllers });
    await using client = await scene.startClient({ userProperties: { tenant: 'acme' } });
    await using publisher = paho(scene, {
      do: 'publish',
      topic: `${topic}/oslo`,
      payload: '{"kwh":3}',
      qos: 1,
    });
    expect((await recorder.call(1)).data).toEqual({ kwh: 3 });
    await publisher.output();

    await using subscriber = paho(scene, { do: 'subscribe', topic: `${topic}/command` });
    await subscriber.line(1);
    const record = new MqttRecordBuilder({ on: true }).setQoS(1).build();
    await lastValueFrom(client.emit(`${topic}/command`, record), { defaultValue: undefined });
    expect(JSON.parse(await subscriber.line(2))).toEqual({
      payload: '{"on":true}',
      qos: 1,
      ...(protocolVersion === 5 && { contentType: 'application/json', userProperties: { tenant: 'acme' } }),
    });
    await subscriber.output();
  },
};

export const pahoRequests: Feature = {
  name: 'paho-mqtt (Python): requests, both ways',
  run: async (scene) => {
    const { topic } = scene;
    await using _service = await scene.startService({ controllers: [sumController(topic)] });
    await using client = await scene.startClient();
    await using requester = paho(scene, { do: 'request', topic: `${topic}/sum`, data: [1, 2] });
    expect(JSON.parse(await requester.line(1))).toMatchObject({ response: 3 });
    await requester.output();

    await using responder = paho(scene, { do: 'respond', topic: `${topic}/shout` });
    await responder.line(1);
    expect(await lastValueFrom(client.send(`${topic}/shout`, 'hello'))).toBe('HELLO');
    await responder.output();
  },
};

function paho({ broker, protocolVersion }: Scene, task: object): PeerProgram {
  const { port } = new URL(broker.url);
  const settings = JSON.stringify({ port: Number(port), version: protocolVersion, ...task });
  return new PeerProgram(pahoPython(), [PROGRAM, settings]);
}
