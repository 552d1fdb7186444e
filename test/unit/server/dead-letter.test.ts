import { generate, parser, type IPublishPacket, type Packet } from 'mqtt-packet';
import { CodecError } from '../../../src/errors.js';
import type { InboundMessage } from '../../../src/message/inbound-message.js';
import { encodeDeadLetter, readDeadLetter, type DeadLetter } from '../../../src/server/dead-letter.js';
import { MqttContext } from '../../../src/message/mqtt-context.js';
import { thrownBy } from '../thrown-by.js';

const LETTER: DeadLetter = {
  topic: 'sensors/1',
  payload: Buffer.from('{"t":21}'),
  error: 'no database',
  attempts: 3,
  handler: 'SensorsController.store',
  time: new Date('2026-01-02T03:04:05.678Z'),
};
const BYTES = Buffer.from([0xff, 0x00, 0xfe]);

describe.each([4, 5] as const)('a dead letter (MQTT version %d)', (protocolVersion) => {
  it.each<[string, Partial<DeadLetter>]>([
    ['text', {}],
    ['bytes', { payload: BYTES }],
    ['nothing', { payload: Buffer.alloc(0) }],
    ['a byte order mark', { payload: Buffer.from('\ufeffx') }],
    ['an error of several lines', { error: 'one\ntwo' }],
    ['an error without a text', { error: '' }],
    ['an error with other letters', { error: 'größer als 5 °C 🌡' }],
  ])('is read as it was written, with %s', (_, changes) => {
    const letter = { ...LETTER, ...changes };
    const read = readDeadLetter(sent(letter, protocolVersion));
    // a User Property of mosquitto has no control characters, so that those of the error may be written otherwise
    expect({ ...read, error: normalized(read.error) }).toEqual({
      ...letter,
      error: normalized(letter.error),
    });
  });

  it('is QoS 1', () => {
    expect(encodeDeadLetter(LETTER, inbound(), protocolVersion).options.qos).toBe(1);
  });

  it('is told from other messages', () => {
    for (const payload of [
      '',
      'x',
      '1',
      'null',
      '{}',
      '{"topic":"a"}',
      '{"topic":1,"encoding":"utf8"}',
      '{"topic":"a","encoding":"hex","payload":""}',
    ])
      expect(
        thrownBy(() => readDeadLetter(context(publish({ payload: Buffer.from(payload) })))),
      ).toBeInstanceOf(CodecError);
  });

  it('is told from an envelope that has no payload', () => {
    const payload = Buffer.from('{"topic":"a","encoding":"utf8"}');
    expect(thrownBy(() => readDeadLetter(context(publish({ payload }))))).toBeInstanceOf(CodecError);
  });
});

describe('a dead letter on MQTT 5', () => {
  it('keeps the payload, its format and the User Properties of the message', () => {
    const properties = {
      contentType: 'application/json',
      payloadFormatIndicator: true,
      userProperties: { tenant: ['a', 'b'], 'dead-letter-topic': 'forged' },
      correlationData: Buffer.from('1'),
      responseTopic: 'replies',
      messageExpiryInterval: 5,
      subscriptionIdentifier: 7,
      topicAlias: 1,
    };
    const { payload, options } = encodeDeadLetter(LETTER, inbound({ properties }), 5);
    expect(payload).toBe(LETTER.payload);
    expect(options.properties).toEqual({
      contentType: 'application/json',
      payloadFormatIndicator: true,
      userProperties: {
        tenant: ['a', 'b'],
        'dead-letter-topic': 'sensors/1',
        'dead-letter-error': 'no database',
        'dead-letter-attempts': '3',
        'dead-letter-handler': 'SensorsController.store',
        'dead-letter-time': '2026-01-02T03:04:05.678Z',
      },
    });
  });

  it('of a dead letter says what happened last', () => {
    const first = encodeDeadLetter(LETTER, inbound(), 5);
    const again = encodeDeadLetter(
      { ...LETTER, topic: 'dead', error: 'again' },
      inbound({ properties: first.options.properties! }),
      5,
    );
    expect(again.options.properties?.userProperties).toMatchObject({
      'dead-letter-topic': 'dead',
      'dead-letter-error': 'again',
    });
  });
});

/** What a handler of the dead letters is given, after the way over the wire. */
function sent(letter: DeadLetter, protocolVersion: 4 | 5): MqttContext {
  const { payload, options } = encodeDeadLetter(letter, inbound(), protocolVersion);
  const properties = Object.fromEntries(
    Object.entries(options.properties ?? {}).filter(([, value]) => value !== undefined),
  );
  const bytes = generate(
    { ...publish({ payload, qos: 1 }), messageId: 1, ...(protocolVersion === 5 && { properties }) },
    { protocolVersion },
  );
  const packets: Packet[] = [];
  const stream = parser({ protocolVersion });
  stream.on('packet', (packet) => packets.push(packet));
  stream.parse(bytes);
  return context(packets[0] as IPublishPacket);
}

function normalized(error: string): string {
  return error.replaceAll(/\\n|\n/g, ' ');
}

function inbound(packet: Partial<IPublishPacket> = {}): InboundMessage {
  return { topic: 'sensors/1', payload: LETTER.payload, packet: publish(packet), settle: () => undefined };
}

function context(packet: IPublishPacket): MqttContext {
  return new MqttContext(['dead', packet]);
}

function publish(packet: Partial<IPublishPacket>): IPublishPacket {
  return { cmd: 'publish', topic: 'dead', payload: '', qos: 0, retain: false, dup: false, ...packet };
}
