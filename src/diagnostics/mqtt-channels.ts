/**
 * The names of the channels of `node:diagnostics_channel` on which servers and clients tell what they do. `handle`, `publish` and `request` are
 * tracing channels, the others plain ones.
 * @see https://nodejs.org/api/diagnostics_channel.html
 *
 * @example
 * ```ts
 * import { subscribe } from 'node:diagnostics_channel';
 *
 * subscribe(mqttChannels.deadLetter, (message) => {
 *   const { topic, handler, attempts } = message as DeadLetterEvent;
 *   alert(`${handler} gave up a message on ${topic} after ${attempts} runs`);
 * });
 * ```
 */
export const mqttChannels = {
  /** Each run of a handler: {@link HandleEvent}. */
  handle: 'nestjs-mqtt:handle',
  /** Each event that a client publishes: {@link PublishEvent}. */
  publish: 'nestjs-mqtt:publish',
  /** Each request of a client: {@link RequestEvent}. */
  request: 'nestjs-mqtt:request',
  /** A reply was published, or could not be: {@link ReplyEvent}. */
  reply: 'nestjs-mqtt:reply',
  /** A handler failed, and will be run again: {@link RetryEvent}. */
  retry: 'nestjs-mqtt:retry',
  /** A dead letter was published, or could not be: {@link DeadLetterEvent}. */
  deadLetter: 'nestjs-mqtt:dead-letter',
  /** A message was dropped, without having been handled: {@link DropEvent}. */
  drop: 'nestjs-mqtt:drop',
  /** A connection was made: {@link ConnectEvent}. */
  connect: 'nestjs-mqtt:connect',
  /** A connection was lost or closed: {@link DisconnectEvent}. */
  disconnect: 'nestjs-mqtt:disconnect',
  /** An attempt begins to make a connection again: {@link ReconnectEvent}. */
  reconnect: 'nestjs-mqtt:reconnect',
  /** The broker granted a subscription, or refused it: {@link SubscriptionEvent}. */
  subscription: 'nestjs-mqtt:subscription',
  /** The other way round: open servers and clients listen, and report to who publishes a {@link HealthCollection}. */
  collect: 'nestjs-mqtt:collect',
} as const;
