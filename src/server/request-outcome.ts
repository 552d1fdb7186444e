import { isObservable } from 'rxjs';
import type { Reply } from '../message/reply.js';
import { INTERNAL_ERROR, toErrorReply, toUnreadableReply } from './error-reply.js';
import type { OpenRequest, StopReason } from './open-request.js';
import { HANDLED, type Outcome } from './outcome.js';
import { answerStream } from './reply-stream.js';
import { UndeliverableReply } from './responder.js';

/** The payload is to blame, which its requester may know. */
export async function undecodable(error: unknown, request: OpenRequest | undefined): Promise<Outcome> {
  await request?.answer({ kind: 'error', error: toUnreadableReply(error) }).catch(() => undefined);
  return { kind: 'undecodable', error };
}

export function answerWith(result: unknown, request: OpenRequest): Promise<void> {
  if (isObservable(result)) return answerStream(result, request);
  return request.answer(
    result === undefined ? { kind: 'end' } : { kind: 'value', value: result, last: true },
  );
}

/** A value may have come for nobody, but it came; a stream that nobody listens to was cut off. */
export function succeeded(result: unknown, request: OpenRequest | undefined): Outcome {
  const stopped = request?.stopped;
  const isCutOff = stopped === 'left' || (stopped !== undefined && isObservable(result));
  return isCutOff ? notRun(stopped) : HANDLED;
}

/** As it was the first time. */
export async function answerAgain(replies: readonly Reply[], request: OpenRequest): Promise<Outcome> {
  for (const reply of replies) await request.answer(reply).catch(() => undefined);
  return HANDLED;
}

/** A failure that has reached its requester is handled, but one that the requester learns nothing of is reported too. */
export async function answerFailure(error: unknown, request: OpenRequest): Promise<Outcome> {
  if (request.stopped !== undefined) return notRun(request.stopped);
  if (error instanceof UndeliverableReply) return { kind: 'unanswered', error };
  const { expired } = request;
  try {
    await request.answer({ kind: 'error', error: toErrorReply(error) });
    if (expired) return { kind: 'expired' }; // most likely it was aborted
    return error instanceof Error ? { kind: 'unanswered', error } : HANDLED;
  } catch (replyError) {
    if (!(replyError instanceof UndeliverableReply)) await tellNothing(request); // it has no form on the wire
    return { kind: 'unanswered', error: replyError };
  }
}

async function tellNothing(request: OpenRequest): Promise<void> {
  await request.answer({ kind: 'error', error: INTERNAL_ERROR }).catch(() => undefined); // nothing is left to try
}

/** A failure after that interests nobody either. */
export function notRun(stopped: StopReason): Outcome {
  return { kind: stopped === 'left' ? 'left' : 'cancelled' };
}
