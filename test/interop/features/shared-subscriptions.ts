import { SubscriptionError } from '../../../src/index.js';
import { fence } from '../../support/fence.js';
import { outcomeOf } from '../../support/outcome-of.js';
import { until } from '../../support/until.js';
import type { Feature, Limit } from '../feature.js';
import { Recorder } from './recorder.js';

const NUMBERS = Array.from({ length: 20 }, (_, index) => index);
const REST = NUMBERS.map((number) => NUMBERS.length + number);

export const sharedSubscriptions: Feature = {
  name: 'Shared Subscriptions',
  run: async (scene) => {
    const { topic } = scene;
    const [one, other] = [1, 2].map(() => new Recorder([`${topic}/+`], { qos: 1, shared: scene.id }));
    const first = await scene.startService({ controllers: one!.controllers });
    await using _first = first;
    await using _second = await scene.startService({ controllers: other!.controllers });
    await using device = await scene.connectDevice();
    for (const number of NUMBERS) await device.publish(`${topic}/x`, String(number), { qos: 1 });
    await until(() => one!.calls.length + other!.calls.length >= NUMBERS.length);
    await fence(device);
    await first.close();
    for (const number of REST) await device.publish(`${topic}/x`, String(number), { qos: 1 });
    await other!.callWith(REST.at(-1));
    expect([...one!.data, ...other!.data].toSorted(byNumber)).toEqual([...NUMBERS, ...REST]);
    expect(other!.data.slice(-REST.length)).toEqual(REST);
  },
};

/** A broker that says in its CONNACK that it has none. */
export const announcedAsMissing: Limit = {
  feature: sharedSubscriptions,
  protocolVersion: 5,
  words: 'none',
  says: '`listen()` rejects with a `SubscriptionError`: `The broker offers no Shared Subscriptions`',
  run: async (scene) => {
    const recorder = new Recorder([scene.topic], { qos: 1, shared: scene.id });
    const error = await outcomeOf(scene.startService({ controllers: recorder.controllers }));
    expect(error).toBeInstanceOf(SubscriptionError);
    expect(error).toMatchObject({ message: expect.stringContaining('offers no Shared Subscriptions') });
  },
};

/** A broker that takes `$share` for the first level of a topic, and has no way to say so. */
export const grantedWithoutEffect: Limit = {
  feature: sharedSubscriptions,
  words: 'granted, and nothing is delivered',
  run: async (scene) => {
    const { topic } = scene;
    const shared = new Recorder([`${topic}/+`], { qos: 1, shared: scene.id });
    const plain = new Recorder([`${topic}/+`], { qos: 1 });
    await using service = await scene.startService({ controllers: shared.controllers });
    await using _plain = await scene.startService({ controllers: plain.controllers });
    await using device = await scene.connectDevice();
    await device.publish(`${topic}/x`, '1', { qos: 1 });
    await plain.call(1);
    await fence(device);
    expect(shared.data).toEqual([]);
    expect(service.logs.warnings()).toEqual([]);
  },
};

function byNumber(one: unknown, other: unknown): number {
  return Number(one) - Number(other);
}
