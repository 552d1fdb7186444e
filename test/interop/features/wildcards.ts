import { fence } from '../../support/fence.js';
import { until } from '../../support/until.js';
import type { Feature, Limit } from '../feature.js';
import type { Scene } from '../scene.js';
import { Recorder } from './recorder.js';

const TOPIC = 'kitchen/temperature';
/** The first one covers the others: on MQTT 3.1.1 it is the only one that is subscribed to. */
const NESTED = ['#', '+/temperature', '{room}/temperature', TOPIC];
/** Neither covers the other. */
const CROSSING = ['+/temperature', 'kitchen/+'];

export const nestedFilters: Feature = {
  name: 'filters that cover each other (every handler once)',
  run: (scene) => expectEachOnce(scene, NESTED),
};

export const crossingFilters: Feature = {
  name: 'filters that cross each other (every handler once)',
  run: (scene) => expectEachOnce(scene, CROSSING),
};

/** A broker that sends a message once for each of the filters, and does not say for which. */
export const crossingFiltersTwice: Limit = {
  feature: crossingFilters,
  protocolVersion: 4,
  words: 'every handler twice',
  says: 'warns at start: `These filters overlap, and this broker does not say which one a message is for`',
  run: async (scene) => {
    const { topic } = scene;
    const recorder = recorderOf(scene, CROSSING);
    await using service = await scene.startService({ controllers: recorder.controllers });
    expect(service.logs.warnings()).toEqual([
      expect.stringMatching(/^These filters overlap.*\/\+\/temperature.*\/kitchen\/\+/),
    ]);
    await using device = await scene.connectDevice();
    await device.publish(`${topic}/${TOPIC}`, '21', { qos: 1 });
    await until(() => recorder.calls.length === 4);
  },
};

/** A broker that sends a message once, and names one of the filters only, against [MQTT-3.3.4-3]. */
export const oneFilterNamed = bothLimits('only the handlers of one filter', (recorder) => {
  expect(new Set(recorder.calls.map(({ pattern }) => filterOf(pattern))).size).toBe(1);
});

/** A broker that sends a message once for each filter, and names all of them each time, against [MQTT-3.3.4-4]. */
export const allFiltersNamedEachTime = bothLimits(
  'every handler once for each filter',
  (recorder, filters) => {
    const copies = new Set(filters.map(filterOf)).size;
    expect(recorder.calls).toHaveLength(copies * filters.length);
  },
);

function bothLimits(
  words: string,
  expectIt: (recorder: Recorder, filters: readonly string[]) => void,
): readonly Limit[] {
  return [
    { feature: nestedFilters, filters: NESTED },
    { feature: crossingFilters, filters: CROSSING },
  ].map(({ feature, filters }) => ({
    feature,
    protocolVersion: 5,
    words,
    run: async (scene) => {
      const recorder = recorderOf(scene, filters);
      await publishOnce(scene, recorder);
      expectIt(recorder, filters);
    },
  }));
}

/** As it is subscribed to. */
function filterOf(pattern: string): string {
  return pattern.replace('{room}', '+');
}

async function expectEachOnce(scene: Scene, filters: readonly string[]): Promise<void> {
  const recorder = recorderOf(scene, filters);
  await publishOnce(scene, recorder);
  expect(recorder.calls.map(({ pattern }) => pattern).toSorted()).toEqual(
    filters.map((filter) => `${scene.topic}/${filter}`).toSorted(),
  );
}

function recorderOf({ topic }: Scene, filters: readonly string[]): Recorder {
  return new Recorder(
    filters.map((filter) => `${topic}/${filter}`),
    { qos: 1 },
  );
}

/** Resolves when the service has handled the message as often as it got it. */
async function publishOnce(scene: Scene, recorder: Recorder): Promise<void> {
  const { topic } = scene;
  const end = new Recorder([`${topic}-end`], { qos: 1 });
  await using _service = await scene.startService({
    controllers: [...recorder.controllers, ...end.controllers],
  });
  await using device = await scene.connectDevice();
  await device.publish(`${topic}/${TOPIC}`, '21', { qos: 1 });
  await recorder.call(1);
  await fence(device);
  await device.publish(`${topic}-end`, '', { qos: 1 });
  await end.call(1);
}
