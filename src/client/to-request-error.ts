import { MqttTransportError, RemoteError } from '../errors.js';

/** What a handler threw becomes a {@link RemoteError}; what failed on this side, such as a reply that cannot be read, stays as it is. */
export function toRequestError(error: unknown): MqttTransportError {
  return error instanceof MqttTransportError ? error : new RemoteError(error);
}
