import type { Observable } from 'rxjs';
import type { Reply } from '../message/reply.js';
import type { OpenRequest } from './open-request.js';

/**
 * Answers with each value of an Observable as it comes, and resolves when the last answer is published. A value is
 * held back until the next tick: if the Observable completes by then, as most do, one message carries both. When an
 * answer cannot be published, or the request is stopped, the Observable is unsubscribed from.
 * @throws what the Observable fails with, or what kept an answer from being published
 */
export function answerStream(values: Observable<unknown>, request: OpenRequest): Promise<void> {
  return new Promise((resolve, reject) => {
    let held: { readonly value: unknown } | undefined;
    let published: Promise<void> = Promise.resolve();
    const send = (reply: Reply): void => {
      const publishing = request.answer(reply);
      published = Promise.all([published, publishing]).then(() => undefined);
      published.catch((error: unknown) => {
        subscription.unsubscribe();
        reject(error);
      });
    };
    const release = (last: boolean): void => {
      if (held === undefined) return;
      const { value } = held;
      held = undefined;
      send({ kind: 'value', value, last });
    };
    const subscription = values.subscribe({
      next: (value) => {
        release(false);
        held = { value };
        process.nextTick(release, false);
      },
      error: (error: unknown) => {
        release(false);
        published.then(() => reject(error as Error), reject);
      },
      complete: () => {
        if (held?.value === undefined) send({ kind: 'end' });
        else release(true);
        held = undefined;
        published.then(resolve, reject);
      },
    });
    request.onStop(() => {
      subscription.unsubscribe();
      resolve();
    });
  });
}
