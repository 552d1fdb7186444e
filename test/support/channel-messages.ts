import { subscribe, unsubscribe } from 'node:diagnostics_channel';

type Disposing<T> = T[] & Disposable;

/** Listens to a channel of `node:diagnostics_channel` to the end of the fixture. */
export function onMessage(name: string, listener: (message: unknown) => void): Disposable {
  subscribe(name, listener);
  return { [Symbol.dispose]: () => void unsubscribe(name, listener) };
}

/** The messages of a channel of `node:diagnostics_channel`, from now to the end of the fixture. */
export function channelMessages<T>(name: string): Disposing<T> {
  const messages: T[] = [];
  const subscription = onMessage(name, (message) => messages.push(message as T));
  return disposing(messages, [subscription]);
}

/** What the parts of a tracing channel publish, in order: `start`, `end`, `asyncEnd`… each with its message. */
export function tracingMessages<T>(name: string): Disposing<[part: string, message: T]> {
  const messages: [string, T][] = [];
  const subscriptions = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'].map((part) =>
    onMessage(`tracing:${name}:${part}`, (message) => messages.push([part, message as T])),
  );
  return disposing(messages, subscriptions);
}

/** Still an array like any other for `expect`. */
function disposing<T>(messages: T[], subscriptions: readonly Disposable[]): Disposing<T> {
  const dispose = (): void => subscriptions.forEach((subscription) => subscription[Symbol.dispose]());
  return Object.defineProperty(messages, Symbol.dispose, { value: dispose }) as Disposing<T>;
}
