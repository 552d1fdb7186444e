import 'reflect-metadata';
import {
  ServerMqtt,
  type MqttContext,
  type MqttHandlerOptions,
  type ServerMqttOptions,
} from '../../src/index.js';

export type Handle = (data: unknown, context: MqttContext) => unknown;

export interface ServerSetup {
  readonly events?: Readonly<Record<string, Handle>>;
  readonly messages?: Readonly<Record<string, Handle>>;
  /** Of each handler. */
  readonly options?: MqttHandlerOptions;
}

/** Our server without a Nest application; the end of the fixture closes it. Rejects with what `listen()` fails with. */
export async function startServer(
  options: ServerMqttOptions,
  setup: ServerSetup = {},
): Promise<ServerMqtt & AsyncDisposable> {
  const server = createServer(options, setup);
  await listen(server);
  return server;
}

/** The same, which does not listen yet. */
export function createServer(
  options: ServerMqttOptions,
  { events = {}, messages = {}, options: handlerOptions = {} }: ServerSetup = {},
): ServerMqtt & AsyncDisposable {
  const own = options.connection === undefined ? { reconnectPeriod: 20 } : {};
  const server = new ServerMqtt({ ...own, drainTimeoutMs: 100, ...options });
  const add = (handlers: Readonly<Record<string, Handle>>, isEvent: boolean) => {
    for (const [pattern, handle] of Object.entries(handlers)) {
      const handler = async (data: unknown, context: unknown) =>
        handle(data, context as MqttContext) as never;
      server.addHandler(pattern, handler, isEvent, handlerOptions);
    }
  };
  add(events, true);
  add(messages, false);
  return Object.assign(server, { [Symbol.asyncDispose]: () => server.close() });
}

export async function listen(server: ServerMqtt): Promise<void> {
  const failure = await new Promise<unknown>((resolve) => server.listen(resolve));
  if (failure !== undefined) throw failure as Error;
}
