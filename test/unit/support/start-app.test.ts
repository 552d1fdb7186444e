import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';
import { startAedes } from '../../support/aedes-broker.js';
import { connectDevice } from '../../support/device.js';
import { startApp } from '../../support/start-app.js';
import { startClient } from '../../support/start-client.js';
import { until } from '../../support/until.js';

@Controller()
class Readings {
  readonly seen: unknown[] = [];

  @EventPattern('readings')
  record(@Payload() reading: unknown): void {
    this.seen.push(reading);
  }

  @MessagePattern('sum')
  sum(@Payload() numbers: number[]): number {
    return numbers.reduce((sum, number) => sum + number, 0);
  }
}

describe.each([4, 5] as const)('startApp and startClient, version %i', (version) => {
  it('hands messages to the controllers and logs nothing bad', async () => {
    await using broker = await startAedes({ version });
    await using service = await startApp({
      controllers: [Readings],
      server: { url: broker.url, protocolVersion: version },
    });
    await using device = await connectDevice(broker.url, { protocolVersion: version });
    await device.publish('readings', '{"kwh":1}', { qos: 1 });
    await until(() => service.get(Readings).seen.length === 1);
    expect(service.get(Readings).seen).toEqual([{ kwh: 1 }]);
    expect([service.logs.errors(), service.logs.warnings()]).toEqual([[], []]);
  });

  it('sends a request and receives the answer', async () => {
    await using broker = await startAedes({ version });
    await using _service = await startApp({
      controllers: [Readings],
      server: { url: broker.url, protocolVersion: version },
    });
    await using client = await startClient(broker.url, { protocolVersion: version });
    await expect(firstValueFrom(client.send('sum', [1, 2]))).resolves.toBe(3);
  });

  it('leaves no connection at the end', async () => {
    await using broker = await startAedes({ version });
    {
      await using _service = await startApp({ server: { url: broker.url, protocolVersion: version } });
      await using _client = await startClient(broker.url, { protocolVersion: version });
      expect(broker.broker.connectedClients).toBe(2);
    }
    await until(() => broker.broker.connectedClients === 0);
  });
});
