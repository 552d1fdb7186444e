import fc from 'fast-check';
import { objectsWith, payloads } from './arbitraries.js';
import type { Attacker } from './attacker.js';
import { fuzzSettings } from './fuzz-settings.js';

export type Attack = (attacker: Attacker) => Promise<void>;

const LEVELS = 100_000;
const DEEP_ARRAY = '['.repeat(LEVELS) + ']'.repeat(LEVELS);
const DEEP_OBJECT = `${'{"a":'.repeat(LEVELS)}1${'}'.repeat(LEVELS)}`;
const TEN_MEGABYTES = 10 * 1024 * 1024;
const NO_UTF8 = Buffer.from([0x22, 0xff, 0xfe, 0xc0, 0x80, 0x22]);
const HANDLED = ['events/x', 'requests/echo', 'requests/strict', 'requests/merge', 'requests/wait'];
const ENVELOPE_KEYS = ['pattern', 'data', 'id', 'replyTo', 'metadata', 'timeoutMs', 'replies'];
const POISON =
  '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":2}},"a":{"__proto__":{"polluted":3}}}';

/** What a single message can do. */
export const PAYLOAD_ATTACKS: Readonly<Record<string, Attack>> = {
  'JSON of 100,000 levels': async (attacker) => {
    for (const deep of [DEEP_ARRAY, DEEP_OBJECT]) {
      await attacker.publish('events/deep', deep);
      await attacker.publish('events/deep', `{"pattern":${deep},"data":1}`);
      await attacker.request('requests/echo', deep, 'replies/deep');
      await attacker.request('requests/strict', deep, 'replies/deep');
      await attacker.publish('clients/x/cancellations', deep);
      expect(await answered(attacker, deep)).toEqual({ type: 'object' });
    }
  },

  'JSON of 10 MB': async (attacker) => {
    const large = JSON.stringify({ text: 'x'.repeat(TEN_MEGABYTES) });
    await attacker.publish('events/large', large);
    await attacker.request('requests/echo', large, 'replies/large');
    await attacker.publish('clients/x/cancellations', large);
    expect(await answered(attacker, large)).toEqual({ type: 'object' });
  },

  'keys that reach a prototype': async (attacker) => {
    const request = (text: string) => attacker.publish('requests/merge', text);
    attacker.allow('requests/merge/reply', 'replies/poison');
    await attacker.publish('events/poison', POISON);
    await attacker.request('requests/merge', POISON, 'replies/poison');
    await request(`{"pattern":"requests/merge","data":${POISON},"id":"1","__proto__":{"polluted":4}}`);
    await request(`{"pattern":"requests/merge","data":1,"id":"1","metadata":{"__proto__":{"polluted":5}}}`);
    await request(`{"pattern":"requests/merge","data":1,"id":"1","metadata":${POISON}}`);
    expect(await answered(attacker, POISON)).toEqual({ type: 'object' });
    const names = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'];
    const userProperties = Object.fromEntries(names.map((name) => [name, ['polluted', 'polluted']]));
    const properties = { userProperties, responseTopic: 'replies/poison' };
    for (const topic of HANDLED) await attacker.publish(topic, '1', { properties });
  },

  'payloads that are no UTF-8': async (attacker) => {
    const properties = {
      responseTopic: 'replies/bytes',
      contentType: 'application/json',
      payloadFormatIndicator: true,
    };
    attacker.allow('replies/bytes');
    for (const topic of [...HANDLED, 'clients/x/cancellations', 'clients/asker/replies']) {
      await attacker.publish(topic, NO_UTF8);
      await attacker.publish(topic, NO_UTF8, { properties });
    }
  },

  'envelopes of odd types': async (attacker) => {
    const bodies = objectsWith(...ENVELOPE_KEYS).map((body) => ({
      pattern: 'requests/echo',
      ...(body as object),
    }));
    attacker.allow('requests/echo/reply');
    for (const payload of fc.sample(payloads(bodies), fuzzSettings(300))) {
      attacker.expect(...replyTopicsIn(payload));
      await attacker.publish('requests/echo', payload);
      await attacker.publish('clients/asker/replies', payload);
      await attacker.publish('clients/x/cancellations', payload);
    }
  },

  'ten thousand User Properties, and long ones': async (attacker) => {
    const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`name ${n}`, `value ${n}`]));
    const long = { ['x'.repeat(65_535)]: ['y'.repeat(65_535), 'z'.repeat(65_535)] };
    attacker.allow('replies/properties');
    for (const userProperties of [many, long, { name: Array.from({ length: 10_000 }, String) }]) {
      const properties = { userProperties, responseTopic: 'replies/properties' };
      for (const topic of HANDLED) await attacker.publish(topic, '1', { properties });
    }
  },

  'topics of 65,535 bytes and 200 levels': async (attacker) => {
    const long = `events/${'x'.repeat(65_535 - 'events/'.length)}`;
    for (const topic of [long, `events${'/x'.repeat(199)}`, `events${'/'.repeat(199)}`])
      await attacker.publishAsVisitor(topic, '1', { qos: 1 });
  },
};

/** What our client makes of a reply that a device gives it. */
async function answered(attacker: Attacker, json: string): Promise<unknown> {
  const answer = attacker.target.program.ask('ask', { topic: 'devices/ask' });
  await attacker.reply(await attacker.nextRequest(), json);
  return answer;
}

function replyTopicsIn(payload: Buffer): string[] {
  try {
    const { replyTo } = JSON.parse(payload.toString()) as { replyTo?: unknown };
    return typeof replyTo === 'string' ? [replyTo] : [];
  } catch {
    return [];
  }
}
