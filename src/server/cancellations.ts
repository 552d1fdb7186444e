import { DEFAULT_CANCEL_TOPIC } from '../message/cancellation.js';
import { toRoute, type HandlerRoute } from './handler-route.js';
import type { ServerMqttOptions } from './server-options.js';

/**
 * Where the requesters of all message handlers cancel, as one more handler, so that a user's own wildcard that covers it is
 * subscribed to once; `undefined` if there is nothing to cancel.
 * @throws {ConfigurationError} if the option is wrong
 */
export function cancellationRoute(
  routes: readonly HandlerRoute[],
  { cancelTopic = DEFAULT_CANCEL_TOPIC }: ServerMqttOptions,
): HandlerRoute | undefined {
  if (cancelTopic === false || routes.every(({ kind }) => kind === 'event')) return undefined;
  const pattern = cancelTopic.replaceAll('{clientId}', '+');
  return toRoute(
    { pattern, handler: () => Promise.resolve(), isEventHandler: true, extras: { shared: false } },
    {},
  );
}
