import fc from 'fast-check';
import type { MqttRecordOptions } from '../../src/index.js';
import { anyText, poisonousKeys } from './arbitraries.js';
import type { ReadPublish } from './read-publishes.js';

/** What matters of a message beside its topic and payload. */
export type MessageContent = Pick<ReadPublish, 'qos' | 'retain' | 'properties'>;

const LONGEST = 65_535;

const text = fc.oneof(
  anyText,
  fc.constantFrom(
    '',
    'a',
    'a/+',
    '$SYS',
    'ä',
    'a\0b',
    '\ud800',
    'x'.repeat(LONGEST),
    'x'.repeat(LONGEST + 1),
  ),
);
const textOrSeveral = fc.oneof(text, fc.array(text, { maxLength: 3 }));
const userProperties = fc
  .array(fc.tuple(fc.oneof(poisonousKeys, text), textOrSeveral), { maxLength: 4 })
  .map((entries) => Object.fromEntries(entries));
const integer = fc.oneof(
  fc.integer({ min: -2, max: 25 }),
  fc.constantFrom(LONGEST, LONGEST + 1, 2 ** 32 - 1, 2 ** 32),
);
const bytes = fc.oneof(
  fc.uint8Array().map((array) => Buffer.from(array)),
  fc.constantFrom(Buffer.alloc(LONGEST), Buffer.alloc(LONGEST + 1), new Uint8Array(2), new ArrayBuffer(2)),
);
const wrong = fc.oneof(
  fc.anything(),
  fc.constantFrom(null, NaN, -0, 1.5, '60', new Date(0), [], [[]], ['a']),
);

const properties = {
  payloadFormatIndicator: orWrong(fc.boolean()),
  messageExpiryInterval: orWrong(integer),
  topicAlias: orWrong(integer),
  responseTopic: orWrong(text),
  correlationData: orWrong(bytes),
  contentType: orWrong(text),
  userProperties: orWrong(userProperties),
  unheardOf: fc.constantFrom(undefined, undefined, 1),
};

/** Options of a message that are mostly of the right types. */
export const anyOptions: fc.Arbitrary<MqttRecordOptions> = fc.record(
  {
    qos: orWrong(fc.constantFrom(0, 1, 2)),
    retain: fc.boolean(),
    properties: orWrong(fc.record(properties, { requiredKeys: [] })),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<MqttRecordOptions>;

/** Of a message as it was sent. */
export function contentOf({ qos, retain, properties: sent }: ReadPublish): MessageContent {
  return { qos, retain, properties: sorted(sent) };
}

/** Of a message that is sent as its options ask for; a string has a Content Type by itself. */
export function contentAskedFor(
  { qos = 0, retain = false, properties: given }: MqttRecordOptions,
  protocolVersion: 4 | 5,
): MessageContent {
  const all = { contentType: 'text/plain', payloadFormatIndicator: true, ...given };
  const asked = protocolVersion === 4 ? [] : Object.entries(all).flatMap(toPairs);
  return { qos: unsigned(qos), retain, properties: sorted(asked) };
}

function toPairs([name, asked]: readonly [string, unknown]): (readonly [string, unknown])[] {
  if (asked === undefined) return [];
  if (name !== 'userProperties') return [[name, unsigned(asked)]];
  return Object.entries(asked as object).flatMap(([key, values]) =>
    [values as unknown].flat().map((one) => [name, [key, one]] as const),
  );
}

function sorted(pairs: MessageContent['properties']): MessageContent['properties'] {
  return pairs.toSorted(([a, x], [b, y]) => `${a} ${String(x)}`.localeCompare(`${b} ${String(y)}`));
}

/** The wire has no -0. */
function unsigned<T>(value: T): T | 0 {
  return value === 0 ? 0 : value;
}

function orWrong(arbitrary: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 12, arbitrary }, { weight: 1, arbitrary: wrong });
}
