// A child process: answers requests with the sum of their numbers, and says what CPU time it has taken when it is asked.
import { Logger } from '@nestjs/common';
import { listen } from '../support/listen.js';
import { listenBuiltIn } from '../support/listen-built-in.js';
import type { Numbers, PairSettings, Sum, UsageReport } from './protocol.js';
import { setNoDelay } from './set-no-delay.js';

const settings = JSON.parse(process.argv[2]!) as PairSettings;
const START = { bare, ours, 'built-in': builtIn };

Logger.overrideLogger(['warn', 'error', 'fatal']);
process.once('disconnect', () => process.exit());
await START[settings.kind](settings);
process.on('message', () => sendUsage());
sendUsage();

function sendUsage(): void {
  const { user, system } = process.cpuUsage();
  process.send!({ cpuMicroseconds: user + system } satisfies UsageReport);
}

async function bare({ url, topic }: PairSettings): Promise<void> {
  const { connectAsync } = await import('mqtt');
  const client = await connectAsync(url, { protocolVersion: 5 });
  setNoDelay(client);
  client.on('message', (_topic, payload, { properties }) => {
    const { responseTopic, correlationData } = properties!;
    const reply = sum(JSON.parse(payload.toString()) as Numbers);
    client.publish(responseTopic!, JSON.stringify(reply), {
      properties: { correlationData: correlationData! },
    });
  });
  await client.subscribeAsync(topic);
}

async function ours({ url, topic }: PairSettings): Promise<void> {
  const { ServerMqtt } = await import('nestjs-mqtt');
  const strategy = new ServerMqtt({ url, protocolVersion: 5 });
  strategy.addHandler(topic, handle);
  await listen(strategy);
}

async function builtIn({ url, topic }: PairSettings): Promise<void> {
  const { ServerMqtt } = await import('@nestjs/microservices');
  const strategy = new ServerMqtt({ url, protocolVersion: 5 });
  strategy.addHandler(topic, handle);
  await listenBuiltIn(strategy);
}

/** Nest's own, too, are asynchronous. */
async function handle(data: Numbers): Promise<Sum> {
  return sum(data);
}

function sum({ numbers }: Numbers): Sum {
  return { sum: numbers.reduce((total, number) => total + number, 0) };
}
