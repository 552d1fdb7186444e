import type { LoggerService } from '@nestjs/common';
import { DEFAULT_CANCEL_TOPIC } from '../message/cancellation.js';
import { toRoute, type HandlerRoute } from './handler-route.js';
import type { ServerMqttOptions } from './server-options.js';

/**
 * Where the requesters of all message handlers cancel, as one more handler; `undefined` if there is nothing to cancel.
 * @throws {ConfigurationError} if the option is wrong
 */
export function cancellationRoute(
  routes: readonly HandlerRoute[],
  { cancelTopic = DEFAULT_CANCEL_TOPIC }: ServerMqttOptions,
  logger: LoggerService,
): HandlerRoute | undefined {
  if (cancelTopic === false || routes.every(({ kind }) => kind === 'event')) return undefined;
  const pattern = cancelTopic.replaceAll('{clientId}', '+');
  const route = toRoute({ pattern, handler: nothing, isEventHandler: true, extras: { shared: false } }, {});
  const onRefused = ({ message }: Error): void => {
    logger.warn(`${message}: requests cannot be cancelled (see the option cancelTopic)`);
  };
  return { ...route, onRefused };
}

/** The dispatcher takes the message before it comes to that. */
function nothing(): Promise<never> {
  return Promise.reject(new Error('A cancellation has no handler'));
}
