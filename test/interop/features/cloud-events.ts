import { lastValueFrom } from 'rxjs';
import { MqttRecordBuilder } from '../../../src/index.js';
import type { Feature } from '../feature.js';
import { Recorder } from './recorder.js';

/** As Dapr writes its events: the CloudEvent is the payload, and the topic is in it once more. */
export const daprEvents: Feature = {
  name: 'CloudEvents as Dapr writes them',
  run: async (scene) => {
    const { topic } = scene;
    const event = cloudEvent(topic);
    const recorder = new Recorder([topic], { qos: 1 });
    await using _service = await scene.startService({ controllers: recorder.controllers });
    await using client = await scene.startClient();
    await using sidecar = await scene.connectDevice();
    await sidecar.subscribe(`${topic}/answers`);

    await sidecar.publish(topic, JSON.stringify(event), { qos: 1 });
    expect((await recorder.call(1)).data).toEqual(event);

    const record = new MqttRecordBuilder(event).setQoS(1).setContentType('application/cloudevents+json');
    await lastValueFrom(client.emit(`${topic}/answers`, record.build()), { defaultValue: undefined });
    expect(JSON.parse((await sidecar.next(`${topic}/answers`)).payload.toString())).toEqual(event);
    await lastValueFrom(client.emit(topic, record.build()), { defaultValue: undefined });
    expect((await recorder.call(2)).data).toEqual(event);
  },
};

function cloudEvent(topic: string) {
  return {
    specversion: '1.0',
    id: '5929aaac-a5e2-4ca1-859c-edfe73f11565',
    source: 'checkout',
    type: 'com.dapr.event.sent',
    time: '2026-09-23T06:23:21Z',
    datacontenttype: 'application/json; charset=utf-8',
    data: { orderId: 1 },
    topic,
    pubsubname: 'order_pub_sub',
    traceid: '00-113ad9c4e42b27583ae98ba698d54255-e3743e35ff56f219-01',
    traceparent: '00-113ad9c4e42b27583ae98ba698d54255-e3743e35ff56f219-01',
    tracestate: '',
  };
}
