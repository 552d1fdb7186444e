import { BadRequestException, Controller, UsePipes, ValidationPipe } from '@nestjs/common';
import { Payload, RpcException } from '@nestjs/microservices';
import { IsInt, Min } from 'class-validator';
import { concat, of, throwError, type Observable } from 'rxjs';
import { jsonCodec, MqttMessagePattern, RemoteError } from '../../src/index.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { connectDevice } from '../support/device.js';
import { outcomeOf } from '../support/outcome-of.js';
import { startApp, type App } from '../support/start-app.js';
import { startClient } from '../support/start-client.js';

const INTERNAL_ERROR = { status: 'error', message: 'Internal server error' };

class Target {
  @IsInt()
  @Min(5)
  degrees!: number;
}

class SecretEntity {
  self: unknown = this;
}

@Controller()
class FailingController {
  @MqttMessagePattern('fail/known')
  known(): never {
    throw new RpcException({ reason: 'too hot', limit: 90 });
  }

  @MqttMessagePattern('fail/text')
  text(): never {
    throw new RpcException('too hot');
  }

  @MqttMessagePattern('fail/unknown')
  unknown(): never {
    throw new TypeError('a secret of the implementation');
  }

  @MqttMessagePattern('fail/rejected')
  rejected(): Promise<never> {
    return Promise.reject(new Error('a secret of the implementation'));
  }

  @MqttMessagePattern('fail/http')
  http(): never {
    throw new BadRequestException('a secret of the implementation');
  }

  @MqttMessagePattern('fail/stream')
  stream(): Observable<number> {
    return concat(
      of(1),
      throwError(() => new Error('a secret of the implementation')),
    );
  }

  @MqttMessagePattern('fail/cycle')
  cycle(): SecretEntity {
    return new SecretEntity();
  }

  @MqttMessagePattern('fail/to-json')
  toJson(): unknown {
    return {
      toJSON: () => {
        throw new Error('a secret of the implementation');
      },
    };
  }

  @MqttMessagePattern('fail/payload', { codec: jsonCodec })
  payload(): void {}

  @UsePipes(new ValidationPipe())
  @MqttMessagePattern('fail/validation')
  validation(@Payload() _target: Target): void {}

  @UsePipes(new ValidationPipe({ exceptionFactory: (errors) => new RpcException(errors) }))
  @MqttMessagePattern('fail/told')
  told(@Payload() _target: Target): void {}
}

const TOO_LOW = { property: 'degrees', constraints: { min: 'degrees must not be less than 5' } };

const failures: readonly [string, string, unknown][] = [
  ['what an RpcException holds', 'fail/known', { reason: 'too hot', limit: 90 }],
  ['the text of an RpcException', 'fail/text', { status: 'error', message: 'too hot' }],
  ['nothing of an unknown error', 'fail/unknown', INTERNAL_ERROR],
  ['nothing of a promise that is rejected', 'fail/rejected', INTERNAL_ERROR],
  ["nothing of an exception of Nest's HTTP side", 'fail/http', INTERNAL_ERROR],
  ['nothing of an unknown error in a stream', 'fail/stream', INTERNAL_ERROR],
  ['nothing of a result that has no form on the wire', 'fail/cycle', INTERNAL_ERROR],
  ['nothing of a result that cannot be written', 'fail/to-json', INTERNAL_ERROR],
  ["nothing of a ValidationPipe's own exception", 'fail/validation', INTERNAL_ERROR],
  ['what a ValidationPipe makes an RpcException of', 'fail/told', [expect.objectContaining(TOO_LOW)]],
];

describeOnBrokers('the requester of a handler that fails', ({ protocolVersion, start }) => {
  let broker: Broker;
  let service: App;

  beforeAll(async () => {
    broker = await start();
    service = await startApp({
      controllers: [FailingController],
      server: { url: broker.url, protocolVersion },
    });
  });
  afterAll(async () => {
    await service[Symbol.asyncDispose]();
    await broker[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    service.logs.lines.length = 0;
  });

  it.each(failures)('is told %s', async (_, topic, error) => {
    await using client = await startClient(broker.url, { protocolVersion });
    const failure = await outcomeOf(client.send(topic, { degrees: 1 }));
    expect(failure).toBeInstanceOf(RemoteError);
    expect((failure as RemoteError).error).toEqual(error);
  });

  it.each(failures)('has no more than that on the wire: %s', async (_, topic, error) => {
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.subscribe('answers');
    const data = { degrees: 1 };
    const envelope = { pattern: topic, data, id: '1', replyTo: 'answers' };
    const properties = { responseTopic: 'answers', correlationData: Buffer.from('1') };
    await device.publish(topic, JSON.stringify(protocolVersion === 5 ? data : envelope), { properties });
    const isError = ({ packet, payload }: { packet: object; payload: Buffer }) =>
      protocolVersion === 5 ? JSON.stringify(packet).includes('"error"') : payload.includes('"err"');
    const { payload, packet } = await device.next(isError);
    const text = payload.toString();
    expect(JSON.parse(text)).toEqual(
      protocolVersion === 5 ? error : { id: '1', err: error, isDisposed: true },
    );
    expect(text + JSON.stringify(packet.properties ?? {})).not.toMatch(
      /secret|stack|cause|\.ts|node_modules/i,
    );
  });

  const itWithMqtt5 = protocolVersion === 5 ? it : it.skip; // the data of an envelope is JSON already
  itWithMqtt5('is told why its payload cannot be read', async () => {
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.subscribe('answers');
    const properties = { responseTopic: 'answers', correlationData: Buffer.from('1') };
    await device.publish('fail/payload', 'no JSON', { properties });
    const { payload } = await device.next('answers');
    expect(JSON.parse(payload.toString())).toEqual({
      status: 'error',
      message: expect.stringMatching(/^The payload is not JSON/),
    });
  });

  it.each([
    ['fail/unknown', 'a secret of the implementation'],
    ['fail/cycle', 'circular structure'],
    ['fail/to-json', 'a secret of the implementation'],
  ])('is told nothing of what the log says (%s)', async (topic, message) => {
    await using client = await startClient(broker.url, { protocolVersion });
    await outcomeOf(client.send(topic, 1));
    expect(service.logs.errors()).toEqual([expect.stringContaining(message)]);
  });
});
