import type { INestMicroservice, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { connectAsync } from 'mqtt';
import { ServerMqtt } from 'nestjs-mqtt';
import { firstValueFrom } from 'rxjs';
import { InvoicesModule } from './invoices.module.js';
import { Ledger } from './ledger.js';
import { ReplayModule } from './replay.module.js';

const url = process.env.MQTT_URL ?? 'mqtt://localhost:1883';

/** `clean: false` with a `clientId` that stays the same: the broker keeps what comes while the process is away. */
async function start(module: Type, clientId: string): Promise<INestMicroservice> {
  const service = await NestFactory.createMicroservice(module, {
    strategy: new ServerMqtt({ url, clean: false, clientId }),
    logger: ['fatal'], // a failure that is final is a line of the log
  });
  await service.listen();
  return service;
}

// Once, so that dead letters wait for it with the broker
await (await start(ReplayModule, 'replay')).close();
const invoices = await start(InvoicesModule, 'invoices');

// Whoever is to know of dead letters subscribes to them as well
const operator = await connectAsync(url);
await operator.subscribeAsync('dead-letters', { qos: 1 });
const alarm = new Promise((resolve) => operator.once('message', resolve));
await operator.publishAsync('invoices/7', '{"cents":4200}', { qos: 1 });
await alarm;

console.log('the ledger is repaired');
const ledger = invoices.get(Ledger);
const booked = firstValueFrom(ledger.booked);
ledger.isUp = true;
const replay = await start(ReplayModule, 'replay');
await booked;

await operator.endAsync();
await replay.close();
await invoices.close();
