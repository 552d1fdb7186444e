import { ConnectionError } from '../errors.js';

/** There is no connection yet, or no longer. */
export function notConnected(address: string): ConnectionError {
  return new ConnectionError(`Not connected to ${address}`, address);
}

/** The connection was closed on this side. */
export function wasClosed(address: string): ConnectionError {
  return new ConnectionError(`The connection to ${address} was closed`, address);
}
