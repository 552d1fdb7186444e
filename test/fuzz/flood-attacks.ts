import { randomBytes } from 'node:crypto';
import { toRequest, type Attacker } from './attacker.js';
import { fuzzSettings } from './fuzz-settings.js';
import type { Attack } from './payload-attacks.js';

const { numRuns: MANY } = fuzzSettings(1000);
const VISITORS = 20;
const AT_ONCE = 200;
const BAD_TOPICS = [
  'a/+',
  '#',
  '$SYS/x',
  '$share/g/x',
  'x\u0001',
  'x\0',
  '',
  'x'.repeat(2000),
  'x'.repeat(65_535),
];

/** What many messages can do. */
export const FLOOD_ATTACKS: Readonly<Record<string, Attack>> = {
  'Response Topics that are none': async (attacker) => {
    for (const replyTopic of BAD_TOPICS) await visit(attacker, replyTopic);
    await attacker.request('requests/echo', '1', `replies${'/x'.repeat(199)}`);
  },

  'cancellations of requests that were guessed': async (attacker) => {
    const waiting = attacker.target.program.ask('ask', { topic: 'requests/wait' });
    attacker.expect('requests/wait', 'clients/asker/replies');
    await many((n) => attacker.cancel(n % 2 === 0 ? 'clients/asker/replies' : `replies/${n}`, guess()));
    expect(await waiting).toEqual({ type: 'string', value: 'done' });
  },

  'replies with guessed and with stale Correlation Data': async (attacker) => {
    const answer = attacker.target.program.ask('ask', { topic: 'devices/ask' });
    const address = await attacker.nextRequest();
    const { topic, id } = address;
    await many((n) =>
      attacker.reply({ topic, id: n % 2 === 0 ? guess() : id.slice(0, n % id.length) }, '"guessed"'),
    );
    await attacker.reply(address, '"real"');
    expect(await answer).toEqual({ type: 'string', value: 'real' });
    await many(() => attacker.reply(address, '"stale"'));
    await many((n) => {
      const more = n % 2 === 0;
      if (more) attacker.expect('clients/asker/cancellations'); // of a stream that goes on though nobody listens
      return attacker.reply(address, '"stale"', more);
    });
  },

  'requests of which none comes twice': async (attacker) => {
    await many((n) => attacker.request('requests/once', '1', 'replies/once', `${n} ${guess()}`));
  },

  'requests of requesters that have gone': async (attacker) => {
    for (let n = 0; n < VISITORS; n++) {
      attacker.expect(`replies/${n}`);
      await visit(attacker, `replies/${n}`);
    }
  },

  'Response Topics of which each is another one': async (attacker) => {
    await many((n) => attacker.request('requests/echo', '1', `replies/to/${n}`));
  },

  'replies to the topics of requests': async (attacker) => {
    const replyTopics = [
      'requests/echo',
      'requests/once',
      'requests/merge',
      'events/x',
      'clients/asker/replies',
    ];
    const nested = JSON.stringify({ pattern: 'requests/echo', data: 1, id: '1', replyTo: 'requests/echo' });
    attacker.allow('requests/echo/reply', 'requests/merge/reply');
    await many(async (n) => {
      const replyTopic = replyTopics[n % replyTopics.length]!;
      await attacker.request('requests/echo', nested, replyTopic, String(n));
    });
  },
};

/** A device that asks for something, and is gone, or is thrown out by the broker. */
async function visit(attacker: Attacker, replyTopic: string): Promise<void> {
  const { protocolVersion } = attacker.target;
  const { payload, options } = toRequest(protocolVersion, 'requests/echo', '1', replyTopic, '1');
  await attacker.publishAsVisitor('requests/echo', payload, options);
}

async function many(publish: (n: number) => Promise<void>): Promise<void> {
  for (let n = 0; n < MANY; n += AT_ONCE) {
    const count = Math.min(AT_ONCE, MANY - n);
    await Promise.all(Array.from({ length: count }, (_, index) => publish(n + index)));
  }
}

function guess(): string {
  return randomBytes(12).toString('base64url');
}
