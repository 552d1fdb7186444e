import type { Observable } from 'rxjs';
import type { Reply } from '../message/reply.js';
import type { OpenRequest } from './open-request.js';

/**
 * Answers with each value of an Observable as it comes, and resolves when the last answer is published. A value is
 * held back for a moment: if the Observable completes by then, as most do, one message carries both. When an
 * answer cannot be published, nothing follows it, and the Observable is unsubscribed from; so it is when the request is stopped.
 * @throws what the Observable fails with, or what kept an answer from being published
 */
export function answerStream(values: Observable<unknown>, request: OpenRequest): Promise<void> {
  return new Promise((resolve, reject) => {
    let held: { readonly value: unknown } | undefined;
    let failed = false;
    let published: Promise<void> = Promise.resolve();
    let line: Promise<void> | undefined;
    /** Resolves when it is known whether it can be published. */
    const publish = (reply: Reply): Promise<void> => {
      if (failed) return Promise.resolve();
      const publishing = request.answer(reply);
      published = Promise.all([published, publishing]).then(() => undefined);
      published.catch((error: unknown) => {
        failed = true;
        subscription.unsubscribe();
        reject(error);
      });
      return new Promise((known) => afterMicrotasks(known));
    };
    const send = (reply: Reply): void => {
      line = line === undefined ? publish(reply) : line.then(() => publish(reply));
    };
    const whenPublished = (then: () => void): void => {
      void Promise.resolve(line).then(() => published.then(then, reject));
    };
    const release = (last: boolean): void => {
      if (held === undefined) return;
      const { value } = held;
      held = undefined;
      send({ kind: 'value', value, last });
    };
    const end = (): void => {
      if (held?.value === undefined) send({ kind: 'end' });
      else release(true);
      held = undefined;
      whenPublished(resolve);
    };
    const subscription = values.subscribe({
      next: (value) => {
        release(false);
        const current = { value };
        held = current;
        afterMicrotasks(() => held === current && release(false));
      },
      error: (error: unknown) => {
        release(false);
        whenPublished(() => reject(error));
      },
      complete: () => {
        const last = held;
        held = undefined;
        afterMicrotasks(() => {
          held = last;
          end();
        });
      },
    });
    request.onStop(() => {
      subscription.unsubscribe();
      resolve();
    });
  });
}

/** By then it is known what is refused before it is written. */
function afterMicrotasks(run: () => void): void {
  void Promise.resolve().then(() => process.nextTick(run));
}
