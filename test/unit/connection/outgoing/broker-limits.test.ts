import type { IConnackPacket } from 'mqtt-packet';
import { checkFilters, limitsInForce, refusalOf } from '../../../../src/connection/outgoing/broker-limits.js';
import type { BrokerLimits } from '../../../../src/connection/outgoing/outgoing-options.js';
import { ConfigurationError, type MqttRecordOptions } from '../../../../src/index.js';
import { thrownBy } from '../../thrown-by.js';

const NONE = limitsInForce(undefined, connack({}));

describe('limitsInForce', () => {
  it.each([
    ['nothing told, nothing announced', undefined, {}, { maxQos: Infinity, retainAvailable: true }],
    ['the one that is announced', {}, { maximumQoS: 1 }, { maxQos: 1 }],
    ['the one that was told', { maxQos: 1 }, {}, { maxQos: 1 }],
    ['the lower: told', { maxQos: 0 }, { maximumQoS: 1 }, { maxQos: 0 }],
    ['the lower: announced', { maxPacketSize: 2000 }, { maximumPacketSize: 1000 }, { maxPacketSize: 1000 }],
    ['the lower window', { receiveMaximum: 5 }, { receiveMaximum: 20 }, { receiveMaximum: 5 }],
    ['no RETAIN, as told', { retainAvailable: false }, { retainAvailable: true }, { retainAvailable: false }],
    [
      'no RETAIN, as announced',
      { retainAvailable: true },
      { retainAvailable: false },
      { retainAvailable: false },
    ],
    ['no Topic Alias without a maximum', {}, {}, { topicAliasMaximum: 0 }],
  ] as [string, BrokerLimits | undefined, IConnackPacket['properties'], object][])(
    'holds to %s',
    (_, told, announced, expected) => {
      expect(limitsInForce(told, connack(announced))).toMatchObject(expected);
    },
  );

  it('leaves some Packet Identifiers to SUBSCRIBE, whatever is announced', () => {
    expect(limitsInForce({}, connack({ receiveMaximum: 65_535 })).receiveMaximum).toBeLessThan(65_535);
  });

  it('knows no Topic Alias Maximum while there is no connection', () => {
    expect(limitsInForce({}, undefined).topicAliasMaximum).toBe(Infinity);
  });
});

describe('refusalOf', () => {
  it.each([
    [{ maxQos: 1 }, { qos: 1 }, undefined],
    [{ maxQos: 1 }, { qos: 2 }, 0x9b],
    [{ maxQos: 0 }, {}, undefined],
    [{ retainAvailable: false }, { retain: true }, 0x9a],
    [{ retainAvailable: false }, { retain: false }, undefined],
    [{}, { properties: { topicAlias: 1 } }, 0x94],
    [{ maxPacketSize: 1 + 1 + 2 + 3 + 1 + 7 }, {}, undefined], // header, length, topic, properties, payload
    [{ maxPacketSize: 1 + 1 + 2 + 3 + 1 + 6 }, {}, 0x95],
    [{ maxPacketSize: 1 + 1 + 2 + 3 + 2 + 1 + 7 }, { qos: 1 }, undefined],
    [{ topicLevels: 2 }, {}, undefined],
    [{ topicLevels: 1 }, {}, 0x90],
    [{ topicLength: 3 }, {}, undefined],
    [{ topicLength: 2 }, {}, 0x90],
  ] as [BrokerLimits, MqttRecordOptions, number | undefined][])(
    'with %j of %j is %j',
    (told, options, code) => {
      const limits = limitsInForce(told, connack({}));
      expect(refusalOf(limits, 5, 'a/b', 'payload', options)?.reasonCode).toBe(code);
    },
  );

  it('counts bytes of UTF-8, not characters', () => {
    const limits = limitsInForce({ topicLength: 3 }, undefined);
    expect(refusalOf(limits, 4, 'éé', '', {})?.problem).toContain('4 bytes');
  });

  it.each(['$aws/rules/store/a/b', '$AWS/rules/store/a/b'])('does not count the prefix of %s', (topic) => {
    expect(
      refusalOf(limitsInForce({ topicLevels: 2, topicLength: 3 }, undefined), 4, topic, '', {}),
    ).toBeUndefined();
  });

  it('ignores on MQTT 3.1.1 what is not sent there', () => {
    expect(refusalOf(NONE, 4, 'a', '', { properties: { topicAlias: 1 } })).toBeUndefined();
    const properties = { contentType: 'x'.repeat(100) };
    const limits = limitsInForce({ maxPacketSize: 50 }, undefined);
    expect(refusalOf(limits, 4, 'a', '', { properties })).toBeUndefined();
    expect(refusalOf(limits, 5, 'a', '', { properties })?.reasonCode).toBe(0x95);
  });
});

describe('checkFilters', () => {
  const limits = { topicLevels: 3, topicLength: 10 };

  it.each(['a/b/c', '#', '$share/group/a/b/c', '$share/a-long-group-name/a'])('takes "%s"', (filter) => {
    expect(() => checkFilters(limits, [{ filter }])).not.toThrow();
  });

  it.each([
    ['a/+/c/#', '4 levels are more than the 3 of limits.topicLevels'],
    ['$share/group/a/b/c/d', '4 levels'],
    ['elevenbytes', '11 bytes are more than the 10 of limits.topicLength'],
  ])('refuses "%s"', (filter, message) => {
    const error = thrownBy(() => checkFilters(limits, [{ filter: 'a' }, { filter }]));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect((error as Error).message).toContain(`"${filter}"`);
    expect((error as Error).message).toContain(message);
  });

  it('takes everything where nothing was told', () => {
    expect(() => checkFilters(undefined, [{ filter: 'a/'.repeat(100) }])).not.toThrow();
  });
});

function connack(properties: IConnackPacket['properties'] = {}): IConnackPacket {
  return { cmd: 'connack', sessionPresent: false, reasonCode: 0, properties };
}
