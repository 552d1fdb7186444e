// A child process: receives QoS 1 messages, does next to nothing with them, and says what CPU time that took.
import { Logger } from '@nestjs/common';
import { listen } from '../support/listen.js';
import { listenBuiltIn } from '../support/listen-built-in.js';
import type { RoundRequest, SubscriberReport, SubscriberSettings } from './protocol.js';
import { PORTION } from './protocol.js';

const settings = JSON.parse(process.argv[2]!) as SubscriberSettings;
const filter = `${settings.prefix}/+/reading`;
const START = { bare, server, 'built-in': builtIn };

let remaining = 0;
let usage = process.cpuUsage();

Logger.overrideLogger(['warn', 'error', 'fatal']);
process.once('disconnect', () => process.exit());
await START[settings.kind](settings);
process.on('message', ({ messages }: RoundRequest) => {
  remaining = messages;
  usage = process.cpuUsage();
});
send({ kind: 'ready' });

async function bare({ url, protocolVersion }: SubscriberSettings): Promise<void> {
  const { connectAsync } = await import('mqtt');
  const client = await connectAsync(url, { protocolVersion });
  client.on('message', (_topic, payload) => onMessage(JSON.parse(payload.toString())));
  await client.subscribeAsync(filter, { qos: 1 });
}

async function server({ url, protocolVersion, otherHandlers }: SubscriberSettings): Promise<void> {
  const { ServerMqtt } = await import('nestjs-mqtt');
  const strategy = new ServerMqtt({ url, protocolVersion });
  strategy.addHandler(filter, handle, true, { qos: 1 });
  for (let index = 0; index < otherHandlers; index++) {
    strategy.addHandler(`other/${index}/+`, () => Promise.resolve(), true, { qos: 1 });
  }
  await listen(strategy);
}

async function builtIn({ url, protocolVersion }: SubscriberSettings): Promise<void> {
  const { ServerMqtt } = await import('@nestjs/microservices');
  const strategy = new ServerMqtt({ url, protocolVersion, subscribeOptions: { qos: 1 } });
  strategy.addHandler(filter, handle, true);
  await listenBuiltIn(strategy);
}

/** Nest's own, too, are asynchronous. */
async function handle(data: unknown): Promise<void> {
  onMessage(data);
}

function onMessage(data: unknown): void {
  if (typeof data !== 'object') throw new Error('The message is not what was published');
  remaining--;
  if (remaining === 0)
    setImmediate(() => setImmediate(finish)); // the last acknowledgements count too
  else if (remaining % PORTION === 0) send({ kind: 'progress' });
}

function finish(): void {
  const { user, system } = process.cpuUsage(usage);
  send({ kind: 'done', cpuMicroseconds: user + system });
}

function send(report: SubscriberReport): void {
  process.send!(report);
}
