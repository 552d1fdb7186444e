// Takes 10 ms for each message on flood/+, and writes to its journal what became of them when it gets SIGTERM.
import { openSync, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const { entry, journal, url } = JSON.parse(process.argv[2]);
const { Logger } = await import('@nestjs/common');
const { ServerMqtt } = await import(entry);
const file = openSync(journal, 'a');
const write = (what, message) => writeSync(file, `${what} ${message}\n`);

Logger.overrideLogger({
  log: () => undefined,
  error: (line) => write('error', line),
  warn: (line) => write('warn', line),
});

let handled = 0;
let received = 0;
const server = new ServerMqtt({ url });
server.on('packetreceive', ({ cmd, topic }) => {
  if (cmd === 'publish' && topic.startsWith('flood/') && ++received % 10_000 === 0)
    write('received', received);
});
server.addHandler('flood/+', () => delay(10).then(() => void handled++), true, {});
server.listen(() => write('ready', ''));
process.on('SIGTERM', () => void stop());

async function stop() {
  await server.close();
  write('handled', handled);
}
