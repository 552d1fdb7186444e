import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { Aedes } from 'aedes';
import { Aedes as AedesMqtt5 } from 'aedes-mqtt5';

/** Where everybody connects to. */
export interface BrokerAddress {
  readonly url: string;
  /** 4 is MQTT 3.1.1. */
  readonly protocolVersion: 4 | 5;
}

export interface EmbeddedBroker extends BrokerAddress {
  close(): Promise<void>;
}

/** Starts an Aedes broker in this process, on a free port of the loopback address. */
export async function startBroker(protocolVersion: 4 | 5): Promise<EmbeddedBroker> {
  const aedes = protocolVersion === 5 ? await AedesMqtt5.createBroker() : await Aedes.createBroker();
  // Without noDelay a small packet may wait 40 ms for the acknowledgement of the one before.
  const server = createServer({ noDelay: true }, aedes.handle).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `mqtt://127.0.0.1:${port}`,
    protocolVersion,
    close: async () => {
      const closed = once(server.close(), 'close');
      aedes.close();
      await closed;
    },
  };
}
