import type { ClientProxy } from '@nestjs/microservices';
import type { QoS } from 'mqtt-packet';

interface LoadedProxy {
  readonly Proxy: new (options: object) => ClientProxy;
  readonly toRecord: (data: object, qos: QoS) => unknown;
}

/** The client proxy of a kind, and its own way to say the QoS of an event. */
export async function loadProxy(kind: string): Promise<LoadedProxy> {
  if (kind.startsWith('built-in')) {
    const { ClientMqtt, MqttRecordBuilder } = await import('@nestjs/microservices');
    const toRecord = (data: object, qos: QoS): unknown => new MqttRecordBuilder(data).setQoS(qos).build();
    return { Proxy: ClientMqtt as never, toRecord }; // its events have a type of their own
  }
  const { ClientMqtt, MqttRecordBuilder } = await import('nestjs-mqtt');
  const toRecord = (data: object, qos: QoS): unknown => new MqttRecordBuilder(data).setQoS(qos).build();
  return { Proxy: ClientMqtt, toRecord };
}
