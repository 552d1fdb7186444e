declare module '@opentelemetry/sdk-node' {
  import type { Instrumentation } from '@opentelemetry/instrumentation';

  export class NodeSDK {
    constructor(configuration: {
      readonly serviceName?: string;
      readonly instrumentations?: readonly Instrumentation[];
    });
    start(): void;
    shutdown(): Promise<void>;
  }
}
