// Publishes `first` messages on chaos, or `later` when it was started before, and writes to its journal what becomes of each.
import { existsSync, openSync, writeSync } from 'node:fs';

const { entry, journal, first, later, offline, qos, ...options } = JSON.parse(process.argv[2]);
const count = existsSync(journal) ? later : first;
const { ClientMqtt, MqttRecord } = await import(entry);
const file = openSync(journal, 'a');
const write = (what, message = '') => writeSync(file, `${what} ${message}\n`);

const client = new ClientMqtt({ ...options, reconnectPeriod: 20 });
process.on('SIGTERM', () => void client.close().then(() => process.exit(0)));
const closed = new Promise((resolve) => client.on('close', resolve));
try {
  await client.connect();
} catch (error) {
  write('failed', `${error.code} ${error.message}`);
  process.exit(1);
}
write('ready');
if (offline) await closed;
for (let n = 0; n < count; n++) {
  const message = `${process.pid} ${n}`;
  client.emit('chaos', new MqttRecord(message, { qos })).subscribe({
    complete: () => write('acknowledged', message),
    error: (error) => write('error', `${message} ${error.message}`),
  });
}
write('published', `${process.pid}`);
