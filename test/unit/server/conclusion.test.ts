import type { LoggerService } from '@nestjs/common';
import { ACKNOWLEDGE, WITHHOLD, type Decision } from '../../../src/message/decision.js';
import { Conclusion } from '../../../src/server/conclusion.js';
import type { MqttHandlerOptions } from '../../../src/server/handler-options.js';
import type { Job } from '../../../src/server/job.js';
import { OutcomeLog } from '../../../src/server/outcome-log.js';
import type { Outcome } from '../../../src/server/outcome.js';
import { CapturedLogs } from '../../support/capture-logs.js';
import { connectionIdentity } from '../../support/connection-identity.js';
import { createMessage } from './create-message.js';
import { createRoute } from './create-route.js';

const FAILED: Outcome = { kind: 'failed', error: new Error('no') };
const UNDECODABLE: Outcome = { kind: 'undecodable', error: new Error('no JSON') };

describe('Conclusion', () => {
  it.each<[string, Outcome, MqttHandlerOptions, Decision | undefined, string | undefined]>([
    ['handled', { kind: 'handled' }, {}, ACKNOWLEDGE, undefined],
    ['handled, acknowledged by hand', { kind: 'handled' }, { ack: 'manual' }, undefined, undefined],
    ['failed', FAILED, {}, { kind: 'reject', reasonCode: 0x80 }, 'failed on "a": no'],
    ['undecodable', UNDECODABLE, {}, { kind: 'reject', reasonCode: 0x99 }, 'cannot read the message on "a"'],
    ['failed', FAILED, { onFailure: 'acknowledge' }, ACKNOWLEDGE, 'it is acknowledged'],
    ['failed', FAILED, { onFailure: 'withhold' }, WITHHOLD, 'it stays unacknowledged'],
    ['failed', FAILED, { ack: 'manual' }, { kind: 'reject', reasonCode: 0x80 }, 'failed on "a": no'],
    ['unanswered', { kind: 'unanswered', error: new Error('no') }, {}, ACKNOWLEDGE, 'failed on "a": no'],
    [
      'unanswerable',
      { kind: 'unanswerable', reason: 'why' },
      {},
      ACKNOWLEDGE,
      'ignored the request on "a": why',
    ],
    ['failed', FAILED, { deadLetter: 'dead' }, ACKNOWLEDGE, 'its dead letter is on "dead"'],
    ['undecodable', UNDECODABLE, { deadLetter: 'dead' }, ACKNOWLEDGE, 'its dead letter is on "dead"'],
  ])('of a message that is %s (%j, %j) is %j', async (_, outcome, options, decision, line) => {
    const { draw } = createConclusion();
    const { decisions, lines, letters } = await draw(outcome, options);
    expect(decisions).toEqual(decision === undefined ? [] : [decision]);
    expect(lines).toHaveLength(line === undefined ? 0 : 1);
    expect(lines.join('')).toContain(line ?? '');
    expect(letters).toEqual(options.deadLetter === undefined ? [] : ['dead']);
  });

  it('withholds a message whose dead letter is not published, and says so', async () => {
    const { draw } = createConclusion(() => Promise.reject(new Error('refused')));
    const { decisions, lines } = await draw(FAILED, { deadLetter: 'dead' });
    expect(decisions).toEqual([WITHHOLD]);
    expect(lines).toEqual([expect.stringMatching(/stays unacknowledged.*refused/)]);
  });

  it('decides when the dead letter is published, not before', async () => {
    let publish!: () => void;
    const { draw } = createConclusion(() => new Promise((resolve) => (publish = resolve)));
    const decisions: Decision[] = [];
    const drawn = draw(FAILED, { deadLetter: 'dead' }, decisions);
    expect(decisions).toEqual([]);
    publish();
    await drawn;
    expect(decisions).toEqual([ACKNOWLEDGE]);
  });

  it('is drawn from an error that has no text', async () => {
    const { draw } = createConclusion();
    const error = {
      get message(): string {
        throw new Error('hostile');
      },
    };
    const { decisions } = await draw({ kind: 'failed', error }, {});
    expect(decisions).toEqual([{ kind: 'reject', reasonCode: 0x80 }]);
  });

  it('does not say of a message that was acknowledged on receipt that it is not', async () => {
    const { draw } = createConclusion();
    const { lines } = await draw(FAILED, { ack: 'receipt', onFailure: 'withhold' });
    expect(lines).toEqual([expect.not.stringContaining('stays unacknowledged')]);
  });
});

function createConclusion(publish: () => Promise<void> = () => Promise.resolve()) {
  const lines: string[] = [];
  const letters: string[] = [];
  const note = (line: unknown) => void lines.push(String(line));
  const logger: LoggerService = Object.assign(new CapturedLogs(), { error: note, warn: note });
  const conclusion = new Conclusion({
    publish: (topic) => (letters.push(topic), publish()),
    protocolVersion: 5,
    log: new OutcomeLog(logger),
    connection: connectionIdentity,
  });
  const draw = async (outcome: Outcome, options: MqttHandlerOptions, decisions: Decision[] = []) => {
    const decide = (decision: Decision) => decisions.push(decision) === 1 && options.ack !== 'receipt';
    const job: Job = {
      route: createRoute('a', options),
      message: createMessage('a'),
      incoming: { decode: fail },
      decide,
      arrivedAt: undefined,
    };
    await conclusion.draw(job, outcome, 1);
    return { decisions, lines, letters };
  };
  return { draw };
}

function fail(): never {
  throw new Error('Decoded');
}
