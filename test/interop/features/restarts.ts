import { until } from '../../support/until.js';
import type { Feature, Limit } from '../feature.js';
import type { Scene } from '../scene.js';
import { Recorder } from './recorder.js';

export const restartedBroker: Feature = {
  name: 'a restarted broker (services are back, messages still wait)',
  run: (scene) => expectBack(scene, ['waiting']),
};

export const forgetfulBroker: Limit = {
  feature: restartedBroker,
  words: 'services are back, what waited is lost',
  run: (scene) => expectBack(scene, []),
};

/** One service runs while the broker is restarted, another one is away. */
async function expectBack(scene: Scene, expected: readonly string[]): Promise<void> {
  const { topic, broker } = scene;
  const running = new Recorder([`${topic}/running`], { qos: 1 });
  await using _service = await scene.startService({ controllers: running.controllers });
  const away = new Recorder([`${topic}/away`], { qos: 1 });
  const setup = { controllers: away.controllers, server: scene.keptSession('restart') };
  await (await scene.startService(setup)).close();
  {
    await using device = await scene.connectDevice();
    await device.publish(`${topic}/away`, 'waiting', { qos: 1 });
  }

  await broker.restart();

  await using device = await scene.connectDevice();
  await until(async () => {
    await device.publish(`${topic}/running`, 'x', { qos: 1 });
    return running.calls.length > 0;
  });
  await using _back = await scene.startService(setup);
  await device.publish(`${topic}/away`, 'end', { qos: 1 });
  await away.callWith('end');
  expect(away.data).toEqual([...expected, 'end']);
}
