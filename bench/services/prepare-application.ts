import 'reflect-metadata';
import { Controller, Module, type ModuleMetadata, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, Payload, type MqttContext } from '@nestjs/microservices';
import type { MqttClient } from 'mqtt';
import { MqttEventPattern, TopicParam } from 'nestjs-mqtt';
import { subscribed } from '../support/subscribed.js';
import { createServer, type ServerOfKind } from './create-server.js';
import { patternsOf, type Pattern } from './patterns-of.js';
import type { Handle, Service, ServiceSettings } from './service.js';

interface Application extends Service {
  /** A provider of one of its imports. */
  get<T>(token: string): T;
}

/** How a method receives its events. */
interface Style {
  readonly pattern: (pattern: string) => MethodDecorator;
  /** Of the second parameter; the first one is the payload. */
  readonly parameter: ParameterDecorator;
  readonly method: (handle: Handle) => (data: unknown, second: never) => void;
}

const METHODS_PER_CONTROLLER = 100;
const STYLES: Readonly<Record<ServerOfKind['of'], Style>> = {
  'nestjs-mqtt': {
    pattern: (pattern) => MqttEventPattern(pattern),
    parameter: TopicParam('device'),
    method: (handle) => (data, device: string) => handle(data, device),
  },
  Nest: {
    pattern: (pattern) => EventPattern(pattern) as MethodDecorator,
    parameter: Ctx(),
    method: (handle) => (data, context: MqttContext) => handle(data, context.getTopic().split('/')[2]),
  },
};

/** A Nest application with its handlers in controllers, a hundred in each. */
export async function prepareApplication(
  settings: ServiceSettings,
  handle: Handle,
  imports: ModuleMetadata['imports'] = [],
): Promise<Application> {
  const { server, level, of } = await createServer(settings);
  const patterns = patternsOf(settings, level);
  const controllers: Type[] = [];
  for (let index = 0; index < patterns.length; index += METHODS_PER_CONTROLLER) {
    const own = patterns.slice(index, index + METHODS_PER_CONTROLLER);
    controllers.push(createController(own, STYLES[of], handle));
  }
  const application = await NestFactory.createMicroservice(createModule({ controllers, imports }), {
    strategy: server,
    logger: ['warn', 'error', 'fatal'],
  });
  return {
    listen: async () => {
      await application.listen();
      if (of === 'Nest') await subscribed(server.unwrap<MqttClient>());
    },
    get client() {
      return server.unwrap<MqttClient>();
    },
    get: <T>(token: string) => application.get<T>(token, { strict: false }),
  };
}

/** As the decorators would, if there were as many methods in a file. */
function createController(patterns: readonly Pattern[], style: Style, handle: Handle): Type {
  @Controller()
  class BenchController {}
  const prototype = BenchController.prototype;
  for (const [index, { pattern, measured }] of patterns.entries()) {
    const name = `on${index}`;
    const method = style.method(measured ? handle : () => undefined);
    const descriptor = { value: method, writable: true, configurable: true };
    Object.defineProperty(prototype, name, descriptor);
    style.pattern(pattern)(prototype, name, descriptor);
    Payload()(prototype, name, 0);
    style.parameter(prototype, name, 1);
  }
  return BenchController;
}

function createModule(metadata: ModuleMetadata): Type {
  @Module(metadata)
  class BenchModule {}
  return BenchModule;
}
