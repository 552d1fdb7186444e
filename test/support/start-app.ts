import 'reflect-metadata';
import { Module, type INestMicroservice, type ModuleMetadata, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ServerMqtt } from '../../src/index.js';
import { captureLogs, type CapturedLogs } from './capture-logs.js';

type ServerOptions = NonNullable<ConstructorParameters<typeof ServerMqtt>[0]>;

export interface AppSetup extends Pick<ModuleMetadata, 'controllers' | 'providers' | 'imports'> {
  /** The server's options, the broker's `url` among them. */
  readonly server: ServerOptions;
  /** Called before `listen()`: global pipes, filters and the like. */
  readonly configure?: (app: INestMicroservice) => void;
  /** To read the log of an application that does not start; the caller disposes of it. */
  readonly logs?: CapturedLogs;
}

export interface App extends AsyncDisposable {
  readonly app: INestMicroservice;
  readonly server: ServerMqtt;
  readonly logs: CapturedLogs;
  get<T>(token: Type<T> | string | symbol): T;
  /** Closes the application early; the fixture's end does nothing then. */
  close(): Promise<void>;
}

/** Starts a Nest microservice with our server and resolves when it listens; rejects with what `listen()` rejects with. */
export async function startApp({
  server: options,
  configure,
  logs: given,
  ...metadata
}: AppSetup): Promise<App> {
  const server = new ServerMqtt(options);
  const logs = given ?? captureLogs();
  const app = await NestFactory.createMicroservice(
    { module: AppModule, ...metadata },
    { strategy: server, logger: logs, abortOnError: false },
  );
  let closed: Promise<void> | undefined;
  const close = () => (closed ??= app.close());
  const dispose = async () => {
    await close();
    if (!given) logs[Symbol.dispose]();
  };
  try {
    configure?.(app);
    await app.listen();
  } catch (error) {
    await dispose();
    throw error;
  }
  return { app, server, logs, get: (token) => app.get(token), close, [Symbol.asyncDispose]: dispose };
}

@Module({})
class AppModule {}
