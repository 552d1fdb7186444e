import { Aedes } from 'aedes';
import { Aedes as AedesMqtt5, type AedesOptions } from 'aedes-mqtt5';

/** What Aedes announces, on MQTT 5 only. */
export type AedesLimits = Pick<
  AedesOptions,
  | 'keepaliveLimit'
  | 'maximumPacketSize'
  | 'receiveMaximum'
  | 'sessionExpiryIntervalLimit'
  | 'topicAliasMaximum'
>;

/** An Aedes that speaks this version of MQTT; on MQTT 5 it can do more than this type tells. */
export function createAedes(version: 4 | 5, limits: AedesLimits = {}): Promise<Aedes> {
  if (version === 4) return Aedes.createBroker();
  return AedesMqtt5.createBroker(limits) as Promise<unknown> as Promise<Aedes>;
}
