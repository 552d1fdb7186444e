// One of the processes that share a subscription: writes to its journal which messages it begins and ends.
import { openSync, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const { entry, journal, options, filter, handlerMs } = JSON.parse(process.argv[2]);
const { ServerMqtt } = await import(entry);
const file = openSync(journal, 'a');
const write = (what, message = '') => writeSync(file, `${what} ${message}\n`);

const server = new ServerMqtt({ reconnectPeriod: 50, ...options });
const handle = async (message) => {
  write('begin', message);
  await (handlerMs === null ? new Promise(() => undefined) : delay(handlerMs));
  write('end', message);
};
server.addHandler(filter, handle, true, { qos: 1 });
server.listen((error) => write(error === undefined ? 'ready' : `failed ${error.message}`));
