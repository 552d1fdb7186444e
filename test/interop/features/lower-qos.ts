import { lastValueFrom } from 'rxjs';
import { MqttRecordBuilder, PublishError } from '../../../src/index.js';
import { outcomeOf } from '../../support/outcome-of.js';
import type { Limit } from '../feature.js';
import type { Scene } from '../scene.js';
import { qos2 } from './events.js';
import { Recorder } from './recorder.js';
import { qos2Again } from './sessions.js';

const WARNING = 'warns at start: `The broker granted QoS 1 for …, not the 2 that was asked for`';

/** A broker that delivers with QoS 1 at most, and closes the connection of who publishes with QoS 2. */
export const qos2ClosedUpon: readonly Limit[] = [
  {
    feature: qos2,
    words: 'delivered with QoS 1; a publish closes the connection',
    says: `${WARNING}; \`emit\` fails with a \`PublishError\`, at once with \`limits: { maxQos: 1 }\``,
    run: async (scene) => {
      await expectQos1(scene);
      await using client = await scene.startClient();
      const error = await outcomeOf(client.emit(scene.topic, record(2)), 20_000);
      expect(error).toBeInstanceOf(PublishError);
      expect(error).toMatchObject({ topic: scene.topic });
      await using informed = await scene.startClient({ limits: { maxQos: 1 } });
      expect(await outcomeOf(informed.emit(scene.topic, record(2)))).toMatchObject({ reasonCode: 0x9b });
    },
  },
  { feature: qos2Again, words: 'delivered with QoS 1', says: WARNING, run: expectQos1 },
];

/** A broker that makes QoS 1 of QoS 2, both ways. */
export const qos2Lowered: readonly Limit[] = [
  {
    feature: qos2,
    words: 'delivered with QoS 1',
    says: WARNING,
    run: async (scene) => {
      await expectQos1(scene);
      await using client = await scene.startClient();
      expect(await outcomeOf(client.emit(scene.topic, record(2)))).toBe('done');
    },
  },
  { feature: qos2Again, words: 'delivered with QoS 1', says: WARNING, run: expectQos1 },
];

async function expectQos1(scene: Scene): Promise<void> {
  const { topic } = scene;
  const recorder = new Recorder([topic], { qos: 2 });
  await using service = await scene.startService({ controllers: recorder.controllers });
  await using client = await scene.startClient();
  expect(service.logs.warnings()).toEqual([
    `The broker granted QoS 1 for "${topic}", not the 2 that was asked for`,
  ]);
  await lastValueFrom(client.emit(topic, record(1)), { defaultValue: undefined });
  expect((await recorder.call(1)).context.qos).toBe(1);
}

function record(qos: 1 | 2) {
  return new MqttRecordBuilder('x').setQoS(qos).build();
}
