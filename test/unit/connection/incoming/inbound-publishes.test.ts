import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { IPublishPacket } from 'mqtt-packet';
import type { MqttClient } from 'mqtt';
import { InboundPublishes } from '../../../../src/connection/incoming/inbound-publishes.js';
import { ACKNOWLEDGE, WITHHOLD, type Decision } from '../../../../src/message/decision.js';
import { createStream, type RecordedStream } from '../create-stream.js';

const REJECT: Decision = { kind: 'reject', reasonCode: 0x97 };

describe('InboundPublishes', () => {
  it('hands over a message with its own QoS, which MQTT.js must not see', async () => {
    const { publish, answers } = createInbound();
    for (const qos of [0, 1, 2] as const) {
      const message = publish({ qos, messageId: qos + 1 })!;
      expect([message.topic, message.payload.toString(), message.packet.qos]).toEqual(['a', '1', qos]);
      message.settle(ACKNOWLEDGE);
    }
    expect(await answers()).toEqual(['puback 2', 'pubrec 3']);
  });

  it('does not take the QoS of a message that was not delivered for that of the next', () => {
    const { inbound, publish } = createInbound();
    inbound.onPacket(packetOf({ qos: 2 })); // MQTT.js found its Topic Alias to be unknown
    expect(publish({ qos: 0 })!.packet.qos).toBe(0);
  });

  it('takes the first decision only', async () => {
    const { publish, answers } = createInbound();
    const message = publish()!;
    message.settle(ACKNOWLEDGE);
    message.settle(WITHHOLD);
    message.settle(ACKNOWLEDGE);
    expect(await answers()).toEqual(['puback 1']);
  });

  it('writes what is decided when it is flushed', () => {
    const { inbound, publish, stream } = createInbound();
    inbound.flush();
    publish()!.settle(ACKNOWLEDGE);
    inbound.flush();
    expect(stream().writes).toHaveLength(1);
  });

  it.each<[4 | 5, 1 | 2, string]>([
    [4, 1, 'puback 1'],
    [4, 2, 'pubrec 1'],
    [5, 1, 'puback 1 0x97'],
    [5, 2, 'pubrec 1 0x97'],
  ])('rejects on version %d, QoS %d with %s', async (protocolVersion, qos, answer) => {
    const { publish, answers } = createInbound(protocolVersion);
    publish({ qos })!.settle(REJECT);
    expect(await answers()).toEqual([answer]);
  });

  describe.each([1, 2] as const)('for a message that comes again (QoS %d)', (qos) => {
    const answer = qos === 1 ? 'puback 1' : 'pubrec 1';

    it('on the same connection, before it is answered, answers once', async () => {
      const { publish, answers } = createInbound();
      const message = publish({ qos })!;
      expect(publish({ qos, dup: true })).toBeUndefined();
      message.settle(ACKNOWLEDGE);
      expect(await answers()).toEqual([answer]);
    });

    it('on the next connection, while it is handled, answers there', async () => {
      const { publish, answers, reconnect, stream } = createInbound();
      const message = publish({ qos })!;
      const first = stream();
      await reconnect({ sessionPresent: true });
      expect(publish({ qos, dup: true })).toBeUndefined();
      message.settle(ACKNOWLEDGE);
      expect(await answers()).toEqual([answer]);
      expect(first.writes).toEqual([]);
    });

    it('on the connection after the next, while it is handled, answers there', async () => {
      const { publish, answers, reconnect } = createInbound();
      const message = publish({ qos })!;
      await reconnect({ sessionPresent: true });
      publish({ qos, dup: true });
      await reconnect({ sessionPresent: true });
      expect(publish({ qos, dup: true })).toBeUndefined();
      message.settle(ACKNOWLEDGE);
      expect(await answers()).toEqual([answer]);
    });

    it('on the next connection, decided while there was none, answers there and does not hand it over', async () => {
      const { publish, answers, reconnect, lose } = createInbound();
      const message = publish({ qos })!;
      await lose();
      message.settle(ACKNOWLEDGE);
      await reconnect({ sessionPresent: true });
      expect(publish({ qos, dup: true })).toBeUndefined();
      expect(await answers()).toEqual([answer]);
    });

    it('on the next connection, decided behind another that was not, answers there and does not hand it over', async () => {
      const { publish, answers, reconnect } = createInbound();
      publish({ qos: 1, messageId: 9 });
      publish({ qos })!.settle(ACKNOWLEDGE);
      await reconnect({ sessionPresent: true });
      expect(publish({ qos, dup: true })).toBeUndefined();
      expect(await answers()).toEqual([answer]);
    });

    it('on the next connection, whose session is not present, is another message', async () => {
      const { publish, answers, reconnect } = createInbound();
      const old = publish({ qos })!;
      await reconnect({ sessionPresent: false });
      const message = publish({ qos })!;
      expect(message).toBeDefined();
      old.settle(ACKNOWLEDGE);
      expect(await answers()).toEqual([]);
      message.settle(ACKNOWLEDGE);
      expect(await answers()).toEqual([answer]);
    });

    it('with other content is another message', async () => {
      const { publish, answers, reconnect } = createInbound();
      const old = publish({ qos })!;
      await reconnect({ sessionPresent: true });
      const message = publish({ qos, payload: '2' })!;
      expect(message.payload.toString()).toBe('2');
      old.settle(ACKNOWLEDGE);
      expect(await answers()).toEqual([]);
      message.settle(ACKNOWLEDGE);
      expect(await answers()).toEqual([answer]);
    });

    it('after it was withheld is handed over again', async () => {
      const { publish, answers, reconnect } = createInbound();
      publish({ qos })!.settle(WITHHOLD);
      await reconnect({ sessionPresent: true });
      const message = publish({ qos, dup: true })!;
      message.settle(ACKNOWLEDGE);
      expect(await answers()).toEqual([answer]);
    });

    it('after it was withheld while there was no connection is handed over again', async () => {
      const { publish, reconnect, lose } = createInbound();
      const message = publish({ qos })!;
      await lose();
      message.settle(WITHHOLD);
      await reconnect({ sessionPresent: true });
      expect(publish({ qos, dup: true })).toBeDefined();
    });
  });

  it('takes a QoS 1 message with the Packet Identifier of one that is answered for another', () => {
    const { inbound, publish } = createInbound();
    publish()!.settle(ACKNOWLEDGE);
    inbound.flush();
    expect(publish()).toBeDefined();
  });

  it('answers a QoS 2 message that comes again before its PUBREL, and does not hand it over [MQTT-4.3.3-10]', async () => {
    const { publish, answers, reconnect } = createInbound();
    publish({ qos: 2 })!.settle(ACKNOWLEDGE);
    expect(await answers()).toEqual(['pubrec 1']);
    expect(publish({ qos: 2, dup: true })).toBeUndefined();
    expect(await answers()).toEqual(['pubrec 1']);
    await reconnect({ sessionPresent: true });
    expect(publish({ qos: 2, dup: true })).toBeUndefined();
    expect(await answers()).toEqual(['pubrec 1']);
  });

  it('takes a QoS 2 message after the PUBREL for another', async () => {
    const { inbound, publish, answers } = createInbound();
    publish({ qos: 2 })!.settle(ACKNOWLEDGE);
    inbound.onPacket({ cmd: 'pubrel', messageId: 1 });
    publish({ qos: 2 })!.settle(ACKNOWLEDGE);
    expect(await answers()).toEqual(['pubrec 1', 'pubrec 1']);
  });

  it('takes a QoS 2 message after its rejection for another: the exchange is over [MQTT-4.3.3-9]', async () => {
    const { publish, answers } = createInbound(5);
    publish({ qos: 2 })!.settle(REJECT);
    expect(await answers()).toEqual(['pubrec 1 0x97']);
    expect(publish({ qos: 2 })).toBeDefined();
  });

  it('takes a PUBREL of nothing for nothing', () => {
    const { inbound } = createInbound();
    expect(() => inbound.onPacket({ cmd: 'pubrel', messageId: 5 })).not.toThrow();
  });

  it('answers for a message that came on a connection that is lost already', async () => {
    const { publish, lose, reconnect, answers } = createInbound();
    await lose();
    const message = publish()!;
    message.settle(ACKNOWLEDGE);
    expect(await answers()).toEqual([]);
    await reconnect({ sessionPresent: true });
    expect(await answers()).toEqual([]);
  });
});

function packetOf(options: Partial<IPublishPacket> = {}): IPublishPacket {
  const packet = { cmd: 'publish', topic: 'a', payload: Buffer.from('1'), messageId: 1, ...options } as const;
  return { qos: 1, retain: false, dup: false, ...packet };
}

/** As MQTT.js calls it: `packetreceive` for each packet, `message` for each PUBLISH. */
function createInbound(protocolVersion: 4 | 5 = 4) {
  const inbound = new InboundPublishes(new Logger());
  let stream: RecordedStream = createStream(protocolVersion);
  let read = 0;
  const publish = (options: Omit<Partial<IPublishPacket>, 'payload'> & { payload?: string } = {}) => {
    const payload = Buffer.from(options.payload ?? '1');
    const packet = packetOf({ ...options, payload });
    inbound.onPacket(packet);
    expect(packet.qos).toBe(0);
    const client = { stream, options: { protocolVersion } } as unknown as MqttClient;
    return inbound.receive(client, packet.topic, payload, packet);
  };
  const lose = async () => {
    if (!stream.destroyed) await once(stream.destroy(), 'close');
  };
  const reconnect = async ({ sessionPresent }: { sessionPresent: boolean }) => {
    await lose();
    stream = createStream(protocolVersion);
    read = 0;
    inbound.onPacket({ cmd: 'connack', sessionPresent, returnCode: 0 });
  };
  /** What was written since the last call. */
  const answers = async () => {
    await setImmediate();
    const packets = stream.packets().slice(read);
    read += packets.length;
    return packets.map(({ cmd, messageId, reasonCode }) =>
      [cmd, messageId, ...(reasonCode ? [`0x${reasonCode.toString(16)}`] : [])].join(' '),
    );
  };
  return { inbound, publish, reconnect, lose, answers, stream: () => stream };
}
