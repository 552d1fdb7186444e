import { Controller, UsePipes, ValidationPipe, type ValidationError } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { IsNumber, Min } from 'class-validator';
import { FatalError, MqttEventPattern } from '../../src/index.js';
import { describeOnBrokers } from '../support/brokers.js';
import { connectDevice } from '../support/device.js';
import { startApp } from '../support/start-app.js';

const readings: unknown[] = [];

class Reading {
  @IsNumber()
  @Min(0)
  kwh!: number;
}

function exceptionFactory(errors: ValidationError[]): FatalError {
  const problems = errors.flatMap(({ constraints = {} }) => Object.values(constraints));
  return new FatalError(problems.join(', '));
}

@Controller()
class MetersController {
  @UsePipes(new ValidationPipe({ exceptionFactory }))
  @MqttEventPattern('meters/{meter}/reading', { qos: 1, retry: { attempts: 5 }, deadLetter: 'dead-letters' })
  onReading(@Payload() reading: Reading): void {
    readings.push(reading);
  }
}

describeOnBrokers('an event that a ValidationPipe refuses', ({ protocolVersion, start }) => {
  beforeEach(() => {
    readings.length = 0;
  });

  it('has its dead letter at once, with the reason, when the pipe throws a FatalError', async () => {
    await using broker = await start();
    await using _service = await startApp({
      controllers: [MetersController],
      server: { url: broker.url, protocolVersion },
    });
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.subscribe('dead-letters');
    await device.publish('meters/7/reading', '{"kwh":-1}', { qos: 1 });
    await device.publish('meters/7/reading', '{"kwh":3}', { qos: 1 });
    const { payload, packet } = await device.next('dead-letters');
    const facts = protocolVersion === 5 ? packet.properties?.userProperties : JSON.parse(payload.toString());
    expect(JSON.stringify(facts)).toContain('kwh must not be less than 0');
    expect(JSON.stringify(facts)).toMatch(/attempts":"?1/);
  });

  it('does not reach the handler, and the next one does', async () => {
    await using broker = await start();
    await using _service = await startApp({
      controllers: [MetersController],
      server: { url: broker.url, protocolVersion },
    });
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.subscribe('dead-letters');
    await device.publish('meters/7/reading', '{"kwh":3}', { qos: 1 });
    await device.publish('meters/7/reading', '{"kwh":-1}', { qos: 1 });
    await device.next('dead-letters');
    expect(readings).toEqual([{ kwh: 3 }]);
    expect(readings[0]).toBeInstanceOf(Reading);
  });
});
