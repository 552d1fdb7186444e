declare module 'nest-mqtt' {
  import type { DynamicModule } from '@nestjs/common';

  interface SubscribeOptions {
    readonly topic: string | string[];
    readonly queue?: boolean;
    readonly share?: string;
    readonly transform?: 'json' | 'text' | ((payload: Buffer) => unknown);
  }

  export function Subscribe(topic: string | string[] | SubscribeOptions): MethodDecorator;
  export function Payload(transform?: SubscribeOptions['transform']): ParameterDecorator;
  export function Params(): ParameterDecorator;
  export function Topic(): ParameterDecorator;

  export const MqttModule: {
    forRoot(options: { readonly host?: string; readonly share?: string }): DynamicModule;
  };

  export class MqttService {
    publish(topic: string, message: string | Buffer | object): Promise<unknown>;
  }
}
