import type { Abstract, INestMicroservice, ModuleMetadata, Type } from '@nestjs/common';
import { Test, type TestingModuleBuilder } from '@nestjs/testing';
import { ClientMqtt, type ClientMqttOptions, type MqttContext, type ServerMqttOptions } from '../index.js';
import type { WaitOptions } from './inbox.js';
import { MqttTestBroker } from './mqtt-test-broker.js';
import { TestingServer } from './testing-server.js';

/** What is tested, and how: a module's metadata, and the options of server and client. */
export interface MqttTestingAppOptions extends Pick<ModuleMetadata, 'controllers' | 'imports' | 'providers'> {
  /** The broker to use, which stays open then. Default: one of its own. */
  readonly broker?: MqttTestBroker;
  /**
   * The options of the server. Its address gives way to the broker's; `reconnectPeriod` is 20 by default, `drainTimeoutMs` 1000. Aedes has no
   * Shared Subscriptions: handlers that share are subscribed as if they did not.
   */
  readonly server?: ServerMqttOptions;
  /** The options of the client. Its address gives way to the broker's; `protocolVersion` is that of the server by default. */
  readonly client?: ClientMqttOptions;
  /** Called before the module is compiled: overrides providers, guards, the logger… A promise is awaited. Default: nothing. */
  readonly override?: (builder: TestingModuleBuilder, context: MqttTestingContext) => unknown;
  /** Called before the application listens: global pipes, filters and the like. Default: nothing. */
  readonly configure?: (app: INestMicroservice) => void;
}

/** What an application under test may be connected with. */
export interface MqttTestingContext {
  /** Where both are connected. */
  readonly broker: MqttTestBroker;
  /** To take the place of a client that the application injects. */
  readonly client: ClientMqtt;
}

/** A microservice that listens, a client that is connected, and the broker between them. */
export interface MqttTestingApp extends MqttTestingContext, AsyncDisposable {
  /** The microservice, which listens. */
  readonly app: INestMicroservice;
  /** A provider or controller of any module. */
  get<T>(token: Type<T> | Abstract<T> | string | symbol): T;
  /**
   * Resolves when a handler has ended, well or not, with a message whose topic the filter matches, before or after the call; each end is
   * returned once. Needs Nest 11.1.6.
   * @throws after `timeoutMs` (default 2000), with a list of what was handled
   */
  handled(filter: string, options?: WaitOptions): Promise<MqttContext>;
  /** Closes the application, the client, and the broker if it is its own. */
  close(): Promise<void>;
}

/**
 * Starts a Nest microservice on a test broker; resolves when it listens and the client is connected. Its log is that of Nest's testing
 * module: errors only.
 *
 * @example
 * ```ts
 * await using service = await createMqttTestingApp({ controllers: [MathController] });
 * expect(await firstValueFrom(service.client.send('math/sum', [1, 2]))).toBe(3);
 * ```
 * @throws what compiling the module or `listen()` fails with; everything is closed then
 */
export async function createMqttTestingApp(options: MqttTestingAppOptions = {}): Promise<MqttTestingApp> {
  if (options.broker !== undefined) return start(options.broker, options, async () => undefined);
  const broker = await MqttTestBroker.start();
  try {
    return await start(broker, options, () => broker.close());
  } catch (error) {
    await broker.close();
    throw error;
  }
}

async function start(
  broker: MqttTestBroker,
  options: MqttTestingAppOptions,
  closeBroker: () => Promise<void>,
): Promise<MqttTestingApp> {
  const server = new TestingServer({ drainTimeoutMs: 1000, ...optionsOn(broker, options.server) });
  const { protocolVersion } = options.server ?? {};
  const client = new ClientMqtt({ protocolVersion, ...optionsOn(broker, options.client) });
  const app = await compile(options, server, { broker, client });
  let closing: Promise<void> | undefined;
  const close = () => (closing ??= closeAll(app, client, closeBroker));
  try {
    options.configure?.(app);
    await app.listen();
    await client.connect();
  } catch (error) {
    await close();
    throw error;
  }
  const get = <T>(token: Type<T> | Abstract<T> | string | symbol): T => app.get<T>(token, { strict: false });
  const handled = (filter: string, wait?: WaitOptions) => server.handled(filter, wait);
  return { app, broker, client, get, handled, close, [Symbol.asyncDispose]: close };
}

/** Back at once after `disconnectAll()`. */
function optionsOn<T extends ClientMqttOptions | ServerMqttOptions>({ url }: MqttTestBroker, options?: T) {
  const elsewhere = { host: undefined, port: undefined, protocol: undefined, servers: undefined };
  return { reconnectPeriod: 20, ...options, ...elsewhere, url };
}

async function compile(
  { controllers = [], imports = [], providers = [], override }: MqttTestingAppOptions,
  strategy: TestingServer,
  context: MqttTestingContext,
): Promise<INestMicroservice> {
  const builder = Test.createTestingModule({ controllers, imports, providers });
  await override?.(builder, context);
  const module = await builder.compile();
  return module.createNestMicroservice({ strategy });
}

/** The application may publish until it is closed. */
async function closeAll(
  app: INestMicroservice,
  client: ClientMqtt,
  closeBroker: () => Promise<void>,
): Promise<void> {
  try {
    await app.close();
  } finally {
    await client.close();
    await closeBroker();
  }
}
