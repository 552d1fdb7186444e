// A child process: receives events, does next to nothing with them, and says what CPU time that took.
import { Logger } from '@nestjs/common';
import { prepareService } from '../services/prepare-service.js';
import type { ServiceSettings } from '../services/service.js';
import type { RoundRequest, SubscriberReport } from './protocol.js';

const settings = JSON.parse(process.argv[2]!) as ServiceSettings;

let round: RoundRequest = { bursts: 0, burst: 1, qos: 0 };
let handled = 0;
let released = 0;
let usage = process.cpuUsage();

Logger.overrideLogger(['warn', 'error', 'fatal']);
process.once('disconnect', () => process.exit());
const service = await prepareService(settings, onEvent);
await service.listen();
service.client.on('packetreceive', ({ cmd }) => {
  if (cmd === 'pubrel') onEnd(++released);
});
process.on('message', (request: RoundRequest) => {
  round = request;
  handled = released = 0;
  send({ kind: 'ready' });
  usage = process.cpuUsage();
});
send({ kind: 'ready' });

function onEvent(data: unknown): void {
  if (typeof data !== 'object') throw new Error('The message is not what was published');
  handled++;
  if (round.qos < 2) onEnd(handled); // a QoS 2 message ends with its PUBREL, before or after which it was handled
}

function onEnd(ended: number): void {
  if (ended % round.burst !== 0) return;
  setImmediate(() => setImmediate(report, ended === round.bursts * round.burst)); // the last answers count too
}

function report(isLast: boolean): void {
  if (!isLast) {
    send({ kind: 'progress' });
    return;
  }
  const { user, system } = process.cpuUsage(usage);
  if (handled !== round.bursts * round.burst) throw new Error(`${handled} messages were handled`);
  send({ kind: 'done', cpuMicroseconds: user + system });
}

function send(message: SubscriberReport): void {
  process.send!(message);
}
