import { lastValueFrom } from 'rxjs';
import { MqttRecordBuilder, PublishError, SubscriptionError } from '../../../src/index.js';
import { outcomeOf } from '../../support/outcome-of.js';
import { until } from '../../support/until.js';
import type { Feature, Limit } from '../feature.js';
import type { Scene } from '../scene.js';
import { Recorder } from './recorder.js';

interface TopicFeature extends Feature {
  /** The levels behind those of the scene. */
  readonly levels: string;
}

export const spaces = topicFeature('a space', 'meter 7/kWh');
export const dots = topicFeature('a dot', 'v1.2/meter.7');
export const emptyLevels = topicFeature('empty levels', '/meter//7/');
export const stars = topicFeature('`*` and `>` within a level', 'a*b/c>d');
export const starLevels = topicFeature('`*` and `>` as levels', '*/>/x');
export const punctuation = topicFeature('other punctuation', `a:b/c;d,e/f%20g?h=i&j/~!@$^()[]|'"\``);
export const backslashes = topicFeature('a backslash', 'a\\b');
export const letters = topicFeature('letters of any language, and emoji', 'måler/温度/🌡');

function topicFeature(name: string, levels: string): TopicFeature {
  return { name, levels, run: (scene) => expectArrival(scene, levels) };
}

/** A broker that takes neither a subscription nor a message. */
export function refusedTopics(...features: readonly TopicFeature[]): Limit[] {
  return features.map((feature) => ({
    feature,
    words: 'refused',
    says: '`listen()` rejects with a `SubscriptionError` that names it, `emit` fails with a `PublishError`',
    run: async (scene) => {
      await expectFilterRefused(scene, feature.levels);
      await expectTopicRefused(scene, feature.levels);
    },
  }));
}

/** A broker that takes messages, for subscriptions with wildcards, but none for the topic itself. */
export function refusedFilters(...features: readonly TopicFeature[]): Limit[] {
  return features.map((feature) => ({
    feature,
    words: 'a subscription is refused',
    says: '`listen()` rejects with a `SubscriptionError` that names it',
    run: (scene) => expectFilterRefused(scene, feature.levels),
  }));
}

/** A broker that has no place for some characters, and delivers others instead. */
export function changedTopic(feature: TopicFeature, arrivesAs: string): Limit {
  return {
    feature,
    words: `\`${feature.levels}\` arrives as \`${arrivesAs}\``,
    says: 'warns: `No handler is for the message on …, which the broker sent`',
    run: async (scene) => {
      const topic = `${scene.topic}/${feature.levels}`;
      const exact = new Recorder([topic], { qos: 1 });
      const named = new Recorder([`${scene.topic}/{rest*}`], { qos: 1 });
      await using service = await scene.startService({ controllers: exact.controllers });
      await using _named = await scene.startService({ controllers: named.controllers });
      await using device = await scene.connectDevice();
      await device.publish(topic, 'x', { qos: 1 });
      expect((await named.call(1)).context.params.rest).toBe(arrivesAs);
      const warning = `No handler is for the message on ${JSON.stringify(`${scene.topic}/${arrivesAs}`)}`;
      await until(() => service.logs.warnings().some((line) => line.startsWith(warning)));
      expect(exact.data).toEqual([]);
    },
  };
}

/** From a device and from a client, to a handler of the exact topic and to one with wildcards. */
async function expectArrival(scene: Scene, levels: string): Promise<void> {
  const topic = `${scene.topic}/${levels}`;
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
  expect(named.calls.map(({ context }) => context.params.rest)).toEqual([levels, levels]);
}

async function expectFilterRefused(scene: Scene, levels: string): Promise<void> {
  const filter = `${scene.topic}/${levels}`;
  const recorder = new Recorder([filter], { qos: 1 });
  const error = await outcomeOf(scene.startService({ controllers: recorder.controllers }));
  expect(error).toBeInstanceOf(SubscriptionError);
  expect(error).toMatchObject({ refused: [{ filter, reasonCode: 0x80 }] });
}

async function expectTopicRefused(scene: Scene, levels: string): Promise<void> {
  const topic = `${scene.topic}/${levels}`;
  await using client = await scene.startClient();
  const record = new MqttRecordBuilder('client').setQoS(1).build();
  const error = await outcomeOf(client.emit(topic, record), 20_000);
  expect(error).toBeInstanceOf(PublishError);
  expect(error).toMatchObject({
    topic,
    message: expect.stringContaining('closed the connection each time it was sent'),
  });
}
