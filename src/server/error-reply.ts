import { RpcException } from '@nestjs/microservices';
import { CodecError, describeError } from '../errors.js';

/** All that a requester learns of an error that was not meant for it: as in Nest. */
export const INTERNAL_ERROR = { status: 'error', message: 'Internal server error' } as const;

/** What a requester is told of a failure. What was not meant for it, an `Error` as such, stays here. */
export function toErrorReply(error: unknown): unknown {
  if (error instanceof RpcException) return error.getError();
  return error instanceof Error ? INTERNAL_ERROR : error;
}

/** What a requester is told of its payload, which cannot be read. */
export function toUnreadableReply(error: unknown): unknown {
  return error instanceof CodecError ? { status: 'error', message: error.message } : toErrorReply(error);
}

/** Whether this is what Nest makes of an error that it has already logged. */
export function isLoggedByNest(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || error instanceof Error) return false;
  return describeError(error) === INTERNAL_ERROR.message;
}
