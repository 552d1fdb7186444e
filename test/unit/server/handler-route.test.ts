import { autoCodec } from '../../../src/codec/auto-codec.js';
import { jsonCodec } from '../../../src/codec/json-codec.js';
import { textCodec } from '../../../src/codec/text-codec.js';
import { ConfigurationError } from '../../../src/errors.js';
import { HANDLER_NAME } from '../../../src/server/handler-name.js';
import { toRoute, type RegisteredHandler } from '../../../src/server/handler-route.js';
import type { ServerMqttOptions } from '../../../src/server/server-options.js';
import { thrownBy } from '../thrown-by.js';
import { createMessageRoute, createRoute } from './create-route.js';

type Extras = RegisteredHandler['extras'];

const DEFAULTS = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 };

describe('the subscription of a handler', () => {
  it.each<[string, Extras, ServerMqttOptions, object]>([
    ['nothing', {}, {}, DEFAULTS],
    ["the handler's options", { qos: 2, retainHandling: 1 }, {}, { ...DEFAULTS, qos: 2, retainHandling: 1 }],
    ["the server's options", {}, { qos: 1, noLocal: true }, { ...DEFAULTS, qos: 1, noLocal: true }],
    [
      "Nest's options",
      {},
      { subscribeOptions: { qos: 2, nl: true, rap: true, rh: 2 } },
      { qos: 2, noLocal: true, retainAsPublished: true, retainHandling: 2 },
    ],
    [
      'both, the handler first',
      { qos: 0, noLocal: false },
      { qos: 2, noLocal: true, retainHandling: 2 },
      { ...DEFAULTS, retainHandling: 2 },
    ],
    [
      "both, the server before Nest's",
      {},
      {
        qos: 0,
        retainHandling: 0,
        retainAsPublished: false,
        subscribeOptions: { qos: 2, rh: 1, rap: true, nl: true },
      },
      { ...DEFAULTS, noLocal: true },
    ],
  ])('follows from %s', (_, extras, defaults, subscription) => {
    expect(createRoute('a', extras, defaults).subscription).toEqual({ filter: 'a', ...subscription });
  });

  it.each<[string, Extras['shared'], ServerMqttOptions['shared'], string]>([
    ['a/{x}', undefined, undefined, 'a/+'],
    ['a/{x}', 'g', undefined, '$share/g/a/+'],
    ['a/{x}', undefined, 'g', '$share/g/a/+'],
    ['a/{x}', 'h', 'g', '$share/h/a/+'],
    ['a/{x}', false, 'g', 'a/+'],
    ['a/{x}', undefined, false, 'a/+'],
    ['$share/f/a', 'h', 'g', '$share/f/a'],
    ['$share/f/a', false, 'g', '$share/f/a'],
    ['{"cmd":"sum"}', 'g', undefined, '$share/g/{"cmd":"sum"}'],
  ])('of "%s", shared: %j by the handler and %j by the server, is "%s"', (pattern, own, general, filter) => {
    expect(createRoute(pattern, { shared: own }, { shared: general }).subscription.filter).toBe(filter);
  });

  it('drops the noLocal of the server on a Shared Subscription [MQTT-3.8.3-4]', () => {
    expect(createRoute('$share/g/a', {}, { noLocal: true }).subscription.noLocal).toBe(false);
    expect(createRoute('a', { shared: 'g' }, { subscribeOptions: { nl: true } }).subscription.noLocal).toBe(
      false,
    );
  });
});

describe('a route', () => {
  it.each([
    ["the handler's codec", jsonCodec, textCodec, jsonCodec],
    ["the server's codec", undefined, textCodec, textCodec],
    ['autoCodec', undefined, undefined, autoCodec],
  ])('reads with %s', (_, own, general, codec) => {
    expect(createRoute('a', { codec: own }, { codec: general }).codec).toBe(codec);
  });

  it('knows its kind, its filter and its handler', () => {
    const handler = () => Promise.resolve();
    const route = toRoute({ pattern: 'a/{x}', handler, isEventHandler: false, extras: {} }, {});
    expect([route.kind, route.filter.source, route.handle]).toEqual(['message', 'a/{x}', handler]);
    expect(createRoute('a').kind).toBe('event');
  });

  it.each([
    [createRoute('a/{x}').name, '@EventPattern("a/{x}")'],
    [createMessageRoute('{"cmd":"sum"}').name, '@MessagePattern("{\\"cmd\\":\\"sum\\"}")'],
    [createRoute('a', { [HANDLER_NAME]: 'Readings.record' }).name, 'Readings.record'],
  ])('is called %s', (name, expected) => {
    expect(name).toBe(expected);
  });
});

describe('a ConfigurationError', () => {
  it.each<[unknown, Extras, ServerMqttOptions, string[]]>([
    ['a#', {}, {}, ['"a#"', '[MQTT-4.7.1-1]']],
    ['a/b+', {}, {}, ['"a/b+"', '[MQTT-4.7.1-2]']],
    ['', {}, {}, ['""', '[MQTT-4.7.3-1]']],
    ['a/{x}/{x}', {}, {}, ['"a/{x}/{x}"', 'the name "x" occurs twice']],
    ['$share/g', {}, {}, ['"$share/g"', '[MQTT-4.8.2-2]']],
    ['a', { shared: 'g+' }, {}, ['g+', '[MQTT-4.8.2-2]']],
    ['a', { shared: 'g/h' }, {}, ['g/h', '[MQTT-4.8.2-2]']],
    ['a', { shared: '' }, {}, ['[MQTT-4.8.2-1]']],
    ['a', {}, { shared: 'g#' }, ['g#', '[MQTT-4.8.2-2]']],
    ['$share/g/a', { noLocal: true }, {}, ['noLocal', '[MQTT-3.8.3-4]']],
    ['a', { noLocal: true }, { shared: 'g' }, ['noLocal', '[MQTT-3.8.3-4]']],
    ['a', { qos: 3 as 2 }, {}, ['qos must be 0, 1 or 2, not 3']],
    ['a', { qos: '1' as unknown as 1 }, {}, ['qos must be 0, 1 or 2, not "1"']],
    ['a', {}, { qos: -1 as 0 }, ['qos must be 0, 1 or 2, not -1']],
    ['a', {}, { subscribeOptions: { qos: 4 as 2 } }, ['qos must be 0, 1 or 2, not 4']],
    ['a', { retainHandling: 3 as 2 }, {}, ['retainHandling must be 0, 1 or 2, not 3']],
    ['a', {}, { subscribeOptions: { rh: 5 } }, ['retainHandling must be 0, 1 or 2, not 5']],
    [7, {}, {}, ['The pattern must be a string or an object, not number']],
    [undefined, {}, {}, ['The pattern must be a string or an object, not undefined']],
  ])(
    'for %j with %j on a server with %j names the handler and the rule',
    (pattern, extras, defaults, parts) => {
      const create = () => createRoute(pattern, { ...extras, [HANDLER_NAME]: 'Readings.record' }, defaults);
      expect(create).toThrow(ConfigurationError);
      expect(create).toThrow(/^Readings\.record: /);
      for (const part of parts) expect(create).toThrow(part);
    },
  );

  it('names a handler of which only the pattern is known by that', () => {
    expect(() => createMessageRoute('a#')).toThrow(
      '@MessagePattern("a#"): The Topic Filter "a#" is invalid: ',
    );
  });

  it('keeps its cause', () => {
    const error = thrownBy(() => createRoute('a#')) as ConfigurationError;
    expect(error.cause).toBeInstanceOf(ConfigurationError);
  });
});
