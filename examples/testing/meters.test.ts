import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMqttTestingApp } from 'nestjs-mqtt/testing';
import { firstValueFrom } from 'rxjs';
import { MetersModule, ReadingStore } from './meters.module.js';

const startMeters = async () => {
  const saved: unknown[] = [];
  const store = { add: async (...reading: unknown[]) => void saved.push(reading) };
  const service = await createMqttTestingApp({
    imports: [MetersModule],
    override: (builder, { client }) =>
      builder.overrideProvider(ReadingStore).useValue(store).overrideProvider('MQTT').useValue(client),
  });
  return Object.assign(service, { saved });
};

test('saves what a meter publishes', async () => {
  await using service = await startMeters();
  await service.broker.publish('meters/7/reading', { kwh: 3 });
  await service.handled('meters/7/reading');
  assert.deepEqual(service.saved, [['7', 3]]);
});

test('raises an alarm when it is too much', async () => {
  await using service = await startMeters();
  await service.broker.publish('meters/7/reading', { kwh: 3 });
  await service.broker.publish('meters/8/reading', { kwh: 120 });
  const alarm = await service.broker.waitFor('alarms/+');
  assert.deepEqual([alarm.topic, alarm.data], ['alarms/8', '120 kWh at once']);
});

test('knows the tariff', async () => {
  await using service = await startMeters();
  assert.equal(await firstValueFrom(service.client.send('tariff/at', { hour: 23 })), 'night');
});
