import { NestFactory } from '@nestjs/core';
import { startBroker, type BrokerAddress } from './broker.js';
import { HELP, readCommandLine } from './command-line.js';
import { DashboardModule } from './dashboard/dashboard.module.js';
import { Dashboard } from './dashboard/dashboard.js';
import { LOGGER } from './logger.js';
import { playRounds } from './play-rounds.js';
import { SCOPE } from './scoped.js';
import { startService } from './service/start-service.js';
import { printSummary } from './summary.js';

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1); // a device may still be connected
});

async function main(): Promise<void> {
  const { url, mqtt5, watch, help, web, ...page } = readCommandLine();
  const protocolVersion = mqtt5 ? 5 : 4;
  if (help) console.log(HELP);
  else if (web) await (await import('../fleet/run-fleet.js')).runFleet(page);
  else if (url !== undefined) await play({ url, protocolVersion }, watch);
  else {
    const broker = await startBroker(protocolVersion);
    try {
      await play(broker, watch);
    } finally {
      await broker.close();
    }
  }
}

/** Starts the service and, as an application of its own, its client; closes both at the end. */
async function play(broker: BrokerAddress, watch: boolean): Promise<void> {
  const begin = performance.now();
  const service = await startService(broker);
  const client = await NestFactory.createApplicationContext(DashboardModule.register(broker), {
    logger: LOGGER,
  });
  try {
    printHeader(broker);
    await playRounds(broker, client.get(Dashboard), watch);
    printSummary(client.get(Dashboard), performance.now() - begin);
  } finally {
    await client.close();
    await service.close();
  }
}

function printHeader({ url, protocolVersion }: BrokerAddress): void {
  const version = protocolVersion === 5 ? 'MQTT 5' : 'MQTT 3.1.1';
  console.log(`${version} on ${new URL(url).host}; every topic begins with "${SCOPE}"\n`);
}
