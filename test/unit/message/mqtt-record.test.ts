import {
  MqttRecord as NestMqttRecord,
  MqttRecordBuilder as NestMqttRecordBuilder,
} from '@nestjs/microservices';
import { MqttRecord, unwrapRecord, type MqttRecordOptions } from '../../../src/message/mqtt-record.js';

describe('MqttRecord', () => {
  it("holds data and options, and is one of Nest's records", () => {
    const record = new MqttRecord({ a: 1 }, { qos: 1, retain: true });
    expect(record).toBeInstanceOf(NestMqttRecord);
    expect([record.data, record.options]).toEqual([{ a: 1 }, { qos: 1, retain: true }]);
    expect(new MqttRecord('a').options).toEqual({});
  });

  it('keeps its options when the object that they came from changes', () => {
    const userProperties: Record<string, string | string[]> = { a: '1', b: ['2'] };
    const properties = { contentType: 'text/plain', userProperties };
    const options = { qos: 1 as 0 | 1, properties };
    const record = new MqttRecord('data', options);
    options.qos = 0;
    properties.contentType = 'application/json';
    userProperties['a'] = 'changed';
    (userProperties['b'] as string[]).push('3');
    expect(record.options).toEqual({
      qos: 1,
      properties: { contentType: 'text/plain', userProperties: { a: '1', b: ['2'] } },
    });
  });

  it('leaves the objects that it was made of as they are', () => {
    const userProperties = { a: ['1'] };
    const options = { properties: { userProperties } };
    const data = { a: 1 };
    expect(new MqttRecord(data, options).data).toBe(data);
    for (const given of [options, options.properties, userProperties, userProperties.a, data]) {
      expect(Object.isFrozen(given)).toBe(false);
    }
  });

  it.each<[string, (record: MqttRecord) => void]>([
    ['data', (record) => Object.assign(record, { data: 2 })],
    ['an option', (record) => Object.assign(optionsOf(record), { qos: 2 })],
    ['a new option', (record) => Object.assign(optionsOf(record), { retain: true })],
    ['a property', (record) => Object.assign(optionsOf(record).properties!, { contentType: 'a/b' })],
    ['a User Property', (record) => Object.assign(optionsOf(record).properties!.userProperties!, { a: '2' })],
    ['its values', (record) => (optionsOf(record).properties!.userProperties!['b'] as string[]).push('3')],
  ])('does not let anybody change %s', (_, change) => {
    const userProperties = { a: '1', b: ['2'] };
    const record = new MqttRecord(1, { qos: 1, properties: { contentType: 'a/a', userProperties } });
    expect(() => change(record)).toThrow(TypeError);
  });
});

describe('unwrapRecord', () => {
  it.each([
    ['our record', new MqttRecord(1, { qos: 2 }), { data: 1, options: { qos: 2 } }],
    ["Nest's record", new NestMqttRecordBuilder(1).setQoS(2).build(), { data: 1, options: { qos: 2 } }],
    ["Nest's record without options", new NestMqttRecordBuilder(1).build(), { data: 1, options: {} }],
    ['a record of undefined', new MqttRecord(undefined), { data: undefined, options: {} }],
    ['data', { a: 1 }, { data: { a: 1 }, options: {} }],
    [
      'data that looks like a record',
      { data: 1, options: { qos: 1 } },
      { data: { data: 1, options: { qos: 1 } }, options: {} },
    ],
    ['null', null, { data: null, options: {} }],
    ['undefined', undefined, { data: undefined, options: {} }],
  ])('takes %s apart', (_, value, unwrapped) => {
    expect(unwrapRecord(value)).toEqual(unwrapped);
  });
});

function optionsOf(record: MqttRecord): MqttRecordOptions {
  return record.options as MqttRecordOptions;
}
