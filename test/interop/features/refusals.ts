import { ConnectionError, MqttRecordBuilder, PublishError, SubscriptionError } from '../../../src/index.js';
import { captureLogs } from '../../support/capture-logs.js';
import { outcomeOf } from '../../support/outcome-of.js';
import type { Feature, Limit } from '../feature.js';
import { Recorder } from './recorder.js';

export const refusedSubscription: Feature = {
  name: 'a subscription that is not allowed is a `SubscriptionError`',
  run: async (scene) => {
    const filter = `denied/${scene.id}`;
    const recorder = new Recorder([filter, scene.topic], { qos: 1 });
    const error = await outcomeOf(scene.startService({ controllers: recorder.controllers }));
    expect(error).toBeInstanceOf(SubscriptionError);
    expect(error).toMatchObject({
      message: expect.stringContaining(`"${filter}"`),
      refused: [{ filter, reasonCode: expect.any(Number) }],
    });
  },
};

/** A broker that closes the connection instead of answering the SUBSCRIBE. */
export const closedUponSubscription: Limit = {
  feature: refusedSubscription,
  words: 'closes the connection',
  says: 'logs `The broker … closed the connection while subscribing: not allowed?` and tries again; with `maxConnectionAttempts` it is a `ConnectionError`',
  run: async (scene) => {
    using logs = captureLogs();
    const { controllers } = new Recorder([`denied/${scene.id}`], { qos: 1 });
    const starting = scene.startService({ controllers, logs, server: { maxConnectionAttempts: 2 } });
    const error = await outcomeOf(starting);
    const message = expect.stringMatching(/closed the connection while subscribing: not allowed\?$/);
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({ message });
    expect(logs.errors()).toContainEqual(expect.stringMatching(/not allowed\?; trying again$/));
  },
};

export const refusedPublish: Feature = {
  name: 'a publish that is not allowed is a `PublishError`',
  run: async (scene) => {
    const topic = `denied/${scene.id}`;
    await using client = await scene.startClient();
    const record = new MqttRecordBuilder('x').setQoS(1).build();
    const error = await outcomeOf(client.emit(topic, record), 20_000);
    expect(error).toBeInstanceOf(PublishError);
    expect(error).toMatchObject({ message: expect.stringContaining(`"${topic}"`), topic });
  },
};

/** MQTT 3.1.1 has no way to say it but to close the connection. */
export const droppedPublish: Limit = {
  feature: refusedPublish,
  protocolVersion: 4,
  words: 'acknowledged and dropped',
  run: async (scene) => {
    await using client = await scene.startClient();
    const record = new MqttRecordBuilder('x').setQoS(1).build();
    expect(await outcomeOf(client.emit(`denied/${scene.id}`, record))).toBe('done');
  },
};

export const wrongPassword: Feature = {
  name: 'a wrong password is a `ConnectionError`',
  run: async (scene) => {
    const starting = scene.startService({ server: { username: 'somebody', password: 'wrong' } });
    const error = await outcomeOf(starting);
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({ reasonCode: expect.any(Number) });
  },
};
