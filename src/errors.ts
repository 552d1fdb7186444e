import { inspect } from 'node:util';

/**
 * The base of every error that this library raises by itself. `code` is a literal, for `switch`; what happened is
 * in the fields of each class, and an underlying error in `cause`.
 */
export abstract class MqttTransportError extends Error {
  /** A literal for each class. */
  abstract readonly code: `ERR_MQTT_${string}`;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** An option, a Topic Filter or a handler is wrong in the code: thrown at construction or by `listen()`. */
export class ConfigurationError extends MqttTransportError {
  readonly code = 'ERR_MQTT_CONFIGURATION';
}

/** The broker cannot be reached, refused the connection, or the connection was closed while something waited for it. */
export class ConnectionError extends MqttTransportError {
  readonly code = 'ERR_MQTT_CONNECTION';

  /**
   * @param url the broker that was meant, without credentials
   * @param reasonCode the CONNACK's Reason Code (MQTT 5) or return code (MQTT 3.1.1), if the broker answered
   */
  constructor(
    message: string,
    readonly url: string,
    readonly reasonCode?: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** One filter of a SUBSCRIBE that was not granted. Without a `reasonCode` the broker never answered. */
export interface RefusedSubscription {
  /** As it was asked for, with `$share/group/` if it is shared. */
  readonly filter: string;
  /** That of the SUBACK, from 0x80 on. */
  readonly reasonCode?: number;
}

/** The broker refused subscriptions, or did not answer them in time; `refused` says which. */
export class SubscriptionError extends MqttTransportError {
  readonly code = 'ERR_MQTT_SUBSCRIPTION';

  /** @param refused the filters, with their Reason Codes */
  constructor(
    message: string,
    readonly refused: readonly RefusedSubscription[],
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A message could not be published: it is not valid, or the broker refused it. */
export class PublishError extends MqttTransportError {
  readonly code = 'ERR_MQTT_PUBLISH';

  /**
   * @param topic where the message was to go
   * @param reasonCode the Reason Code of the broker's PUBACK or PUBREC, if that is what refused the message; of one that is not
   * sent because of the broker's limits, the one that it would have had, such as 0x95 for the Maximum Packet Size
   */
  constructor(
    message: string,
    readonly topic: string,
    readonly reasonCode?: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * As many messages wait to be sent as the option `offline` allows: this one is not sent. With `overflow: 'drop-oldest'` it is the
 * one that has waited longest.
 */
export class QueueFullError extends MqttTransportError {
  readonly code = 'ERR_MQTT_QUEUE_FULL';

  /** @param topic where the message was to go */
  constructor(
    message: string,
    readonly topic: string,
  ) {
    super(message);
  }
}

/** A payload does not decode with the codec it is read with, or a value has no form in the codec it is written with. */
export class CodecError extends MqttTransportError {
  readonly code = 'ERR_MQTT_CODEC';

  /** @param codec the name of the codec */
  constructor(
    message: string,
    readonly codec: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** No reply came within `timeoutMs` of the request, or of the reply before. */
export class RequestTimeoutError extends MqttTransportError {
  readonly code = 'ERR_MQTT_REQUEST_TIMEOUT';

  /**
   * @param topic where the request went
   * @param timeoutMs how long it has waited, in milliseconds
   */
  constructor(
    readonly topic: string,
    readonly timeoutMs: number,
  ) {
    super(`No reply to the request on "${topic}" within ${timeoutMs} ms`);
  }
}

/** Nobody is subscribed to the topic of a request. Brokers say so on MQTT 5 only, for QoS 1 and 2. */
export class NoRespondersError extends MqttTransportError {
  readonly code = 'ERR_MQTT_NO_RESPONDERS';

  /** @param topic where the request went */
  constructor(readonly topic: string) {
    super(`Nobody is subscribed to "${topic}", where the request went (0x10 No matching subscribers)`);
  }
}

/** The remote handler failed. `error` is the object it threw, as it came over the wire. */
export class RemoteError extends MqttTransportError {
  readonly code = 'ERR_MQTT_REMOTE';

  /** @param error what the handler threw, as it came: with an `RpcException` what that holds */
  constructor(readonly error: unknown) {
    super(describeError(error));
  }
}

/** The message of anything that was thrown, on one line. */
export function describeError(error: unknown): string {
  try {
    const message: unknown =
      typeof error === 'object' && error !== null && 'message' in error ? error.message : error;
    return typeof message === 'string' ? message : inspect(error, { depth: 2, breakLength: Infinity });
  } catch {
    return 'an error that cannot be described'; // a getter that throws
  }
}

/** Escapes what would make a peer's text look like lines of the log, or steer a terminal. */
export function printable(line: string): string {
  // oxlint-disable-next-line no-control-regex
  return line.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, toEscape);
}

function toEscape(character: string): string {
  const escaped = JSON.stringify(character).slice(1, -1);
  return escaped === character ? `\\u00${character.charCodeAt(0).toString(16)}` : escaped;
}
