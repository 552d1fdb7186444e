import { toRoute, type HandlerRoute, type RegisteredHandler } from '../../../src/server/handler-route.js';
import type { ServerMqttOptions } from '../../../src/server/server-options.js';

type Extras = RegisteredHandler['extras'];

/** The route of an event handler that does nothing. */
export function createRoute(
  pattern: unknown,
  extras: Extras = {},
  defaults: ServerMqttOptions = {},
): HandlerRoute {
  const handler = () => Promise.resolve();
  return toRoute({ pattern, handler, isEventHandler: true, extras }, defaults);
}

/** The route of a message handler that does nothing. */
export function createMessageRoute(pattern: unknown, extras: Extras = {}): HandlerRoute {
  const handler = () => Promise.resolve();
  return toRoute({ pattern, handler, isEventHandler: false, extras }, {});
}
