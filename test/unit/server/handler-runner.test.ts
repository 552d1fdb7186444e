import { Observable, of, throwError } from 'rxjs';
import { WITHHOLD, type Decision } from '../../../src/message/decision.js';
import type { MqttHandlerOptions } from '../../../src/server/handler-options.js';
import { HandlerRunner, type WithHooks } from '../../../src/server/handler-runner.js';
import type { Job } from '../../../src/server/job.js';
import { FatalError } from '../../../src/server/failure-errors.js';
import type { MqttContext } from '../../../src/message/mqtt-context.js';
import type { Outcome } from '../../../src/server/outcome.js';
import type { PublishReceipt } from '../../../src/connection/outgoing/outgoing-message.js';
import type { Incoming } from '../../../src/server/incoming.js';
import { OpenRequests } from '../../../src/server/open-requests.js';
import { Responder } from '../../../src/server/responder.js';
import { closedGate } from '../../support/gate.js';
import { connectionIdentity } from '../../support/connection-identity.js';
import { createMessage } from './create-message.js';
import { createMessageRoute, createRoute } from './create-route.js';

type Handle = (data: unknown, context: MqttContext) => unknown;

describe('HandlerRunner', () => {
  it.each<[string, Handle, Outcome['kind']]>([
    ['a value', () => 1, 'handled'],
    ['a promise', () => Promise.resolve(1), 'handled'],
    ['an Observable', () => of(1, 2), 'handled'],
    ['an empty Observable', () => of(), 'handled'],
    ['an Observable that fails', () => throwError(() => new Error('no')), 'failed'],
    ['a promise that is rejected', () => Promise.reject(new Error('no')), 'failed'],
  ])('ends with the end of what an event handler returns: %s', async (_, handle, kind) => {
    const { run, conclusions } = createRunner();
    await run(handle);
    expect(conclusions.map(({ outcome, attempts }) => [outcome.kind, attempts])).toEqual([[kind, 1]]);
  });

  it('waits for an Observable to complete', async () => {
    const { run, conclusions } = createRunner();
    const gate = closedGate();
    const running = run(
      () => new Observable((subscriber) => void gate.opened.then(() => subscriber.complete())),
    );
    await Promise.resolve();
    expect(conclusions).toEqual([]);
    gate.open();
    await running;
    expect(conclusions).toHaveLength(1);
  });

  it('runs a handler again until it succeeds, and tells it which run it is', async () => {
    const { run, conclusions } = createRunner();
    const attempts: number[] = [];
    await run(
      (_, { attempt }) => {
        attempts.push(attempt);
        if (attempt < 3) throw new Error('no');
      },
      { retry: { attempts: 5, delayMs: 1 } },
    );
    expect(attempts).toEqual([1, 2, 3]);
    expect(conclusions).toMatchObject([{ outcome: { kind: 'handled' }, attempts: 3 }]);
  });

  it('gives up after the last attempt, or at once if it is told to', async () => {
    const { run, conclusions } = createRunner();
    await run(() => Promise.reject(new Error('no')), { retry: { attempts: 3, delayMs: 1 } });
    await run(() => Promise.reject(new FatalError('never')), { retry: { attempts: 3, delayMs: 1 } });
    expect(conclusions.map(({ attempts }) => attempts)).toEqual([3, 1]);
  });

  it('does not decode what does not decode again', async () => {
    const { run, conclusions } = createRunner();
    let runs = 0;
    const decode = () => {
      runs++;
      throw new Error('no JSON');
    };
    await run(() => 1, { retry: { attempts: 3, delayMs: 1 } }, { decode });
    expect(runs).toBe(1);
    expect(conclusions).toMatchObject([{ outcome: { kind: 'undecodable' }, attempts: 1 }]);
  });

  it('leaves to the broker what waits for its next run when the server closes', async () => {
    const { run, conclusions, closing, decisions } = createRunner();
    const ran = closedGate();
    const running = run(
      () => {
        ran.open();
        throw new Error('no');
      },
      { retry: { attempts: 2, delayMs: 1_000_000 } },
    );
    await ran.opened;
    closing.abort();
    await running;
    expect([decisions, conclusions]).toEqual([[WITHHOLD], []]);
  });

  it('does not run again what the server closes while it runs', async () => {
    const { run, closing, decisions } = createRunner();
    let runs = 0;
    await run(
      () => {
        runs++;
        closing.abort();
        throw new Error('no');
      },
      { retry: { attempts: 3, delayMs: 0 } },
    );
    expect([runs, decisions]).toEqual([1, [WITHHOLD]]);
  });

  it('passes what a hook fails with on, as a failure', async () => {
    const { run, conclusions } = createRunner({ withHooks: () => Promise.reject(new Error('hook')) });
    await run(() => 1);
    expect(conclusions).toMatchObject([{ outcome: { kind: 'failed', error: { message: 'hook' } } }]);
  });

  describe('for a request', () => {
    const reply = { form: 'envelope', topic: 'replies', id: '1', namesResponder: false } as const;

    it('does not run a handler that fails again, and answers with the failure', async () => {
      const { run, conclusions, replies } = createRunner({ kind: 'message' });
      let runs = 0;
      await run(
        () => {
          runs++;
          throw new Error('no');
        },
        { retry: { attempts: 3, delayMs: 1 } },
        { reply },
      );
      expect(runs).toBe(1);
      expect(replies).toEqual([
        { id: '1', err: { status: 'error', message: 'Internal server error' }, isDisposed: true },
      ]);
      expect(conclusions.map(({ outcome }) => outcome.kind)).toEqual(['unanswered']);
    });

    it('does not run the handler if the answer has no valid address', async () => {
      const { run, conclusions } = createRunner({ kind: 'message' });
      let runs = 0;
      await run(() => runs++, {}, { reply: { invalid: 'why' } });
      expect(runs).toBe(0);
      expect(conclusions).toMatchObject([{ outcome: { kind: 'unanswerable', reason: 'why' } }]);
    });

    it('does not send an error after a reply that could not be published', async () => {
      let publishes = 0;
      const publish = () => {
        publishes++;
        return Promise.reject(new Error('refused'));
      };
      const { run, conclusions } = createRunner({ kind: 'message', publish });
      await run(() => 1, {}, { reply });
      expect(publishes).toBe(1);
      expect(conclusions).toMatchObject([{ outcome: { kind: 'unanswered', error: { message: 'refused' } } }]);
    });
  });
});

interface RunnerSetup {
  readonly kind?: 'event' | 'message';
  readonly withHooks?: WithHooks;
  readonly publish?: (topic: string, payload: Buffer | string) => Promise<PublishReceipt>;
}

function createRunner({ kind = 'event', withHooks, publish }: RunnerSetup = {}) {
  const conclusions: { outcome: Outcome; attempts: number }[] = [];
  const decisions: Decision[] = [];
  const replies: unknown[] = [];
  const closing = new AbortController();
  const record = (_: string, payload: Buffer | string) => {
    replies.push(JSON.parse(payload.toString()));
    return Promise.resolve({ noMatchingSubscribers: false });
  };
  const responder = new Responder({
    publish: publish ?? record,
    serializer: undefined,
    userProperties: undefined,
    responderName: () => 'server',
    connection: connectionIdentity,
  });
  const requests = new OpenRequests({ responder, keepsSession: true });
  const runner = new HandlerRunner({
    lifetime: new AbortController(),
    hooks: () => withHooks,
    conclude: (_, outcome, attempts) => void conclusions.push({ outcome, attempts }),
    closing: closing.signal,
    keepsSession: true,
    connection: connectionIdentity,
  });
  const run = (handle: Handle, options: MqttHandlerOptions = {}, given: Partial<Incoming> = {}) => {
    const incoming: Incoming = { decode: () => 1, ...given };
    const message = createMessage('a');
    const route = kind === 'event' ? createRoute('a', options) : createMessageRoute('a', options);
    const job: Job = {
      route: { ...route, handle: async (data, context) => handle(data, context as MqttContext) as never },
      message,
      incoming: { ...incoming, request: requests.open(incoming, message, route.codec) },
      decide: (decision) => decisions.push(decision) === 1,
      arrivedAt: undefined,
    };
    return runner.run(job);
  };
  return { run, conclusions, decisions, replies, closing };
}
