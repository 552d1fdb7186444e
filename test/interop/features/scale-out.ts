import { createChild, type Child } from '../../chaos/child.js';
import { fence } from '../../support/fence.js';
import { until } from '../../support/until.js';
import type { Feature, Limit } from '../feature.js';
import type { Scene } from '../scene.js';
import { sharedSubscriptions } from './shared-subscriptions.js';

/** The built package: jest would resolve its name to the source. */
const ENTRY = new URL('../../../dist/index.js', import.meta.url).href;
const PROGRAM = new URL('../worker.mjs', import.meta.url).href;
/** Long enough for the messages that come meanwhile to find another process. */
const HANDLER_MS = 10;
const MESSAGES = Array.from({ length: 45 }, (_, index) => `message-${index}`);
/** Less than the window of unacknowledged messages of any broker. */
const EARLIER = MESSAGES.slice(0, 5);
const LATER = MESSAGES.slice(5);

interface WorkerSetup {
  readonly group: string;
  readonly name: string;
  /** Whether the broker keeps its session. */
  readonly kept?: boolean;
  /** Never ends a handler. */
  readonly hangs?: boolean;
}

export const threeProcesses: Feature = {
  name: 'three processes share the messages, each is handled once',
  needs: sharedSubscriptions,
  run: async (scene) => {
    const counts = await sharesOfThree(scene);
    expect(Math.min(...counts)).toBeGreaterThan(0);
  },
};

/** A broker that chooses another one only when the first cannot take more. */
export const oneOfThree: Limit = {
  feature: threeProcesses,
  words: 'one of them has them all, while it keeps up',
  run: async (scene) => {
    const counts = await sharesOfThree(scene);
    expect(Math.max(...counts)).toBe(MESSAGES.length);
  },
};

export const slowProcess: Feature = {
  name: 'a slow process does not hold up the others',
  needs: sharedSubscriptions,
  run: async (scene) => {
    await withHangingOne(scene, { group: 'slow' }, async ({ others }) => {
      await until(() => intersection(handledBy(others), LATER).length > 0);
    });
  },
};

/** A broker that has chosen it, and waits for its acknowledgement. */
export const slowOneHoldsUp: Limit = {
  feature: slowProcess,
  words: 'what comes later waits for it',
  run: async (scene) => {
    await withHangingOne(scene, { group: 'slow' }, async ({ hanging, others }) => {
      await fence(scene.broker.url);
      expect(intersection(handledBy(others), LATER)).toEqual([]);
      await hanging.end('SIGKILL');
      await until(() => intersection(handledBy(others), LATER).length === LATER.length);
    });
  },
};

export const killedProcess: Feature = {
  name: 'what a killed process had is handled by the others',
  needs: sharedSubscriptions,
  run: async (scene) => {
    for (const kept of [true, false]) {
      await withHangingOne(scene, { group: `kept-${kept}`, kept }, async ({ hanging, others }) => {
        await hanging.end('SIGKILL');
        await until(() => new Set(handledBy(others)).size === MESSAGES.length);
      });
    }
  },
};

/** The session of the process has them, and is kept or not. */
export const waitsForKilledProcess: Limit = {
  feature: killedProcess,
  words: 'it waits until the process is back; with a clean session it is lost',
  run: async (scene) => {
    await withHangingOne(scene, { group: 'kept', kept: true }, async ({ hanging, others, restart }) => {
      await hanging.end('SIGKILL');
      const begun = hanging.messages('begin');
      await using back = await restart();
      await until(() => new Set(handledBy([...others, back])).size === MESSAGES.length);
      expect(intersection(begun, handledBy(others))).toEqual([]);
      expect(intersection(begun, handledBy([back]))).toEqual(begun);
    });
    await withHangingOne(scene, { group: 'clean' }, async ({ hanging, others, restart }) => {
      await hanging.end('SIGKILL');
      await using back = await restart();
      await fence(scene.broker.url);
      expect(intersection(hanging.messages('begin'), handledBy([...others, back]))).toEqual([]);
    });
  },
};

/** How many messages each of three processes has handled, when all have been, once. */
async function sharesOfThree(scene: Scene): Promise<number[]> {
  const group = 'three';
  await using one = await startWorker(scene, { group, name: 'one' });
  await using two = await startWorker(scene, { group, name: 'two' });
  await using three = await startWorker(scene, { group, name: 'three' });
  const workers = [one, two, three];
  await publish(scene, group, MESSAGES);
  await until(() => handledBy(workers).length >= MESSAGES.length);
  await fence(scene.broker.url);
  expect(handledBy(workers).toSorted()).toEqual(MESSAGES.toSorted());
  return workers.map((worker) => worker.messages('end').length);
}

interface Team {
  readonly hanging: Child;
  readonly others: readonly Child[];
  /** Starts the first one again, which does not hang then. */
  readonly restart: () => Promise<Child>;
}

/** Three processes, the first of which does not end what it has begun, when all messages are published. */
async function withHangingOne(
  scene: Scene,
  setup: Omit<WorkerSetup, 'name'>,
  run: (team: Team) => Promise<void>,
): Promise<void> {
  const restart = () => startWorker(scene, { ...setup, name: 'first' });
  await using hanging = await startWorker(scene, { ...setup, name: 'first', hangs: true });
  await publish(scene, setup.group, EARLIER);
  await hanging.said('begin');
  await using one = await startWorker(scene, { ...setup, name: 'one' });
  await using other = await startWorker(scene, { ...setup, name: 'other' });
  await publish(scene, setup.group, LATER);
  await run({ hanging, others: [one, other], restart });
}

async function startWorker(
  scene: Scene,
  { group, name, kept = false, hangs = false }: WorkerSetup,
): Promise<Child> {
  const { broker, protocolVersion, topic, id } = scene;
  const session = kept ? scene.keptSession(name) : {};
  const worker = await createChild(PROGRAM, {
    entry: ENTRY,
    options: { url: broker.url, protocolVersion, ...session },
    filter: `$share/${id}-${group}/${topic}/${group}/+`,
    handlerMs: hangs ? null : HANDLER_MS,
  });
  worker.start();
  await worker.said('ready');
  return worker;
}

async function publish(scene: Scene, group: string, messages: readonly string[]): Promise<void> {
  await using device = await scene.connectDevice();
  const { topic } = scene;
  for (const message of messages) await device.publish(`${topic}/${group}/${message}`, message, { qos: 1 });
}

function handledBy(workers: readonly Child[]): string[] {
  return workers.flatMap((worker) => worker.messages('end'));
}

/** In the order of the first one. */
function intersection(one: readonly string[], other: readonly string[]): string[] {
  return one.filter((message) => other.includes(message));
}
