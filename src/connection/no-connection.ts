import { ConnectionError } from '../errors.js';

/** There is none yet. */
export function notConnected(broker: string): ConnectionError {
  return new ConnectionError(`Not connected to ${broker}`, broker);
}

/** It was closed on this side. */
export function connectionClosed(broker: string): ConnectionError {
  return new ConnectionError(`The connection to ${broker} was closed`, broker);
}
