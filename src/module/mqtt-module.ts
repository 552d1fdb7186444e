import { Inject, Module, type DynamicModule, type ModuleMetadata, type Provider } from '@nestjs/common';
import type { MqttConnectionOptions } from '../connection/connection-options.js';
import { MqttConnection } from '../connection/mqtt-connection.js';

/** Which connection a module provides, and to whom. */
export interface MqttModuleOptions {
  /** Tells several connections apart: see {@link InjectMqttConnection}. Default: the only one, injected by its class. */
  readonly name?: string | undefined;
  /** Whether all modules of the application can inject it. Default `true`. */
  readonly isGlobal?: boolean | undefined;
}

/** How {@link MqttModule.forRootAsync} gets the options of the connection. */
export interface MqttModuleAsyncOptions extends MqttModuleOptions, Pick<ModuleMetadata, 'imports'> {
  /** What the factory is given. Default: nothing. */
  readonly inject?: Extract<Provider, { readonly inject?: unknown }>['inject'];
  /** Makes the options of the connection, or a promise of them. */
  readonly useFactory: (...dependencies: never[]) => MqttConnectionOptions | Promise<MqttConnectionOptions>;
}

/**
 * Provides one {@link MqttConnection} for a server and clients to share. It is closed with the application.
 *
 * @example
 * ```ts
 * MqttModule.forRootAsync({
 *   inject: [ConfigService],
 *   useFactory: (config: ConfigService) => ({ url: config.getOrThrow('MQTT_URL'), protocolVersion: 5 }),
 * })
 * ```
 */
// oxlint-disable-next-line typescript/no-extraneous-class -- a module of Nest's is a class
export class MqttModule {
  /** Provides a connection with these options. */
  static forRoot({
    name,
    isGlobal = true,
    ...options
  }: MqttModuleOptions & MqttConnectionOptions = {}): DynamicModule {
    return MqttModule.forRootAsync({ name, isGlobal, useFactory: () => options });
  }

  /** The same, with options that a factory makes of injected providers. */
  static forRootAsync({
    name,
    isGlobal = true,
    imports = [],
    inject = [],
    useFactory,
  }: MqttModuleAsyncOptions): DynamicModule {
    const token = mqttConnectionToken(name);
    const provider = {
      provide: token,
      inject,
      useFactory: async (...dependencies: never[]) => new MqttConnection(await useFactory(...dependencies)),
    };
    return { module: MqttModule, global: isGlobal, imports, providers: [provider], exports: [token] };
  }
}

Module({})(MqttModule);

/** The provider of a connection: its class, or for a named one a token. */
export function mqttConnectionToken(name?: string): typeof MqttConnection | string {
  return name === undefined ? MqttConnection : `MqttConnection(${name})`;
}

/** Injects the connection with this name; the only one is injected by its class. */
export function InjectMqttConnection(name?: string): ParameterDecorator & PropertyDecorator {
  return Inject(mqttConnectionToken(name));
}
