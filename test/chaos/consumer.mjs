// Handles messages on chaos/+ and writes to its journal when it begins and when it has handled each.
import { openSync, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const { entry, journal, url, protocolVersion, maxDelayMs } = JSON.parse(process.argv[2]);
const { ServerMqtt } = await import(entry);
const file = openSync(journal, 'a');
const write = (what, message = '') => writeSync(file, `${what} ${message}\n`);

const server = new ServerMqtt({
  url,
  protocolVersion,
  clientId: 'consumer',
  clean: false,
  reconnectPeriod: 50,
  ...(protocolVersion === 5 && { properties: { sessionExpiryInterval: 600 } }),
});
const handle = async (message) => {
  write('begin', message);
  await delay(Math.random() * maxDelayMs);
  write('end', message);
};
server.addHandler('chaos/+', handle, true, { qos: 2 });
server.listen((error) => write(error === undefined ? 'ready' : `failed ${error.message}`));
