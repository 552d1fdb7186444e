import { randomBytes } from 'node:crypto';
import type { BrokerAddress } from '../broker.js';
import { journal } from '../journal.js';
import { scoped } from '../scoped.js';
import { connectDevice } from './connect-device.js';

/** Publishes a few readings as JSON. */
export async function runMeter(broker: BrokerAddress, site: string, meter: string): Promise<void> {
  const readings = [120, 80].map((wh) => JSON.stringify({ wh }));
  await publish(broker, `meter ${site}/${meter}`, `sites/${site}/meters/${meter}/reading`, readings);
}

/** Publishes an alarm as text. */
export async function runSmokeDetector(broker: BrokerAddress, site: string, room: string): Promise<void> {
  await publish(broker, 'smoke detector', `sites/${site}/alarms/${room}/smoke`, [`Smoke in the ${room}`]);
}

/** Publishes an image as bytes: they begin like a JPEG. */
export async function runCamera(broker: BrokerAddress, site: string, camera: string): Promise<void> {
  const jpeg = Buffer.concat([Buffer.from('ffd8ffe0', 'hex'), randomBytes(2044)]);
  await publish(broker, 'camera', `sites/${site}/cameras/${camera}/image`, [jpeg]);
}

async function publish(
  broker: BrokerAddress,
  who: string,
  path: string,
  payloads: readonly (string | Buffer)[],
): Promise<void> {
  const client = await connectDevice(broker);
  const topic = scoped(path);
  for (const payload of payloads) {
    journal.note(who, 'publishes', topic, payload);
    await client.publishAsync(topic, payload, { qos: 1 });
  }
  await client.endAsync();
}
