import { inspect } from 'node:util';
import type { MessageHandler } from '@nestjs/microservices';
import { autoCodec } from '../codec/auto-codec.js';
import type { Codec } from '../codec/codec.js';
import type { SubscriptionRequest } from '../connection/subscriptions/subscribe.js';
import { toSubscriptionRequest } from '../connection/subscriptions/subscription-options.js';
import type { Interest } from '../connection/subscriptions/subscription-plan.js';
import { ConfigurationError } from '../errors.js';
import { checkAck, type AckMode } from '../message/ack-mode.js';
import { TopicFilter } from '../topic/topic-filter.js';
import { toFailurePolicy, type FailurePolicy } from './failure-policy.js';
import { HANDLER_NAME } from './handler-name.js';
import type { MqttHandlerOptions } from './handler-options.js';
import { toMessageKey, type MessageKey } from './message-key.js';
import { ReplyCache } from './reply-cache.js';
import type { ServerMqttOptions } from './server-options.js';
import { TOPIC_PARAM_NAMES } from './topic-param-names.js';
import { fillVariables } from './topic-variables.js';
import { Lane } from './work-queue.js';

/** A handler as Nest registers it. */
export interface RegisteredHandler {
  /** Nest's normalised pattern. */
  readonly pattern: unknown;
  readonly handler: MessageHandler;
  readonly isEventHandler: boolean;
  readonly extras: MqttHandlerOptions & {
    readonly [HANDLER_NAME]?: string;
    readonly [TOPIC_PARAM_NAMES]?: readonly string[];
  };
}

/** A handler with all that is known about it before the first message. */
export interface HandlerRoute extends Interest {
  /** For messages. */
  readonly name: string;
  readonly kind: 'event' | 'message';
  readonly codec: Codec;
  readonly handle: MessageHandler;
  readonly ack: AckMode;
  readonly policy: FailurePolicy;
  /** What of it is handled in order, and how much at once. */
  readonly key: MessageKey | undefined;
  readonly lane: Lane;
  /** What it has answered, for a message handler that is to answer a request once. */
  readonly answered: ReplyCache | undefined;
}

/** @throws {ConfigurationError} naming the handler */
export function toRoute(registered: RegisteredHandler, defaults: ServerMqttOptions): HandlerRoute {
  const { handler, isEventHandler, extras } = registered;
  const name = describe(registered);
  try {
    const pattern = fillVariables(registered.pattern, defaults.topicVariables);
    const filter = toFilter(pattern, extras.shared ?? defaults.shared);
    checkTopicParams(filter, extras[TOPIC_PARAM_NAMES]);
    const order = extras.order ?? defaults.order ?? (isEventHandler ? 'topic' : 'none');
    return {
      name,
      kind: isEventHandler ? 'event' : 'message',
      filter,
      codec: extras.codec ?? defaults.codec ?? autoCodec,
      subscription: toSubscription(filter, extras, defaults),
      handle: handler,
      ack: checkAck(extras.ack ?? defaults.ack ?? 'after'),
      policy: toFailurePolicy(extras, defaults),
      key: toMessageKey(order, filter),
      lane: new Lane(checkConcurrency(extras.concurrency)),
      answered: isEventHandler || extras.dedupe === undefined ? undefined : new ReplyCache(extras.dedupe),
    };
  } catch (cause) {
    throw new ConfigurationError(`${name}: ${(cause as Error).message}`, { cause });
  }
}

function describe({ pattern, isEventHandler, extras }: RegisteredHandler): string {
  const decorator = isEventHandler ? '@EventPattern' : '@MessagePattern';
  return extras[HANDLER_NAME] ?? [decorator, '(', JSON.stringify(pattern), ')'].join(''); // kept in one piece, unlike a template
}

function toFilter(pattern: unknown, shared: string | false | undefined): TopicFilter {
  if (typeof pattern !== 'string') {
    throw new ConfigurationError(`The pattern must be a string or an object, not ${typeof pattern}`);
  }
  const filter = TopicFilter.parse(pattern);
  return typeof shared === 'string' && filter.shareName === undefined ? filter.share(shared) : filter;
}

function checkTopicParams(filter: TopicFilter, names: readonly string[] = []): void {
  const missing = names.find((name) => !filter.names.includes(name));
  if (missing === undefined) return;
  const known = filter.names.map((name) => `{${name}}`).join(', ') || 'none';
  throw new ConfigurationError(
    `@TopicParam("${missing}") is no named level of the pattern, which has ${known}`,
  );
}

function toSubscription(
  filter: TopicFilter,
  extras: MqttHandlerOptions,
  { subscribeOptions: nest, ...defaults }: ServerMqttOptions,
): SubscriptionRequest {
  if (filter.shareName !== undefined && extras.noLocal)
    throw new ConfigurationError('noLocal cannot be had on a Shared Subscription [MQTT-3.8.3-4]');
  return toSubscriptionRequest(filter, {
    qos: extras.qos ?? defaults.qos ?? nest?.qos,
    noLocal: extras.noLocal ?? defaults.noLocal ?? nest?.nl,
    retainAsPublished: extras.retainAsPublished ?? defaults.retainAsPublished ?? nest?.rap,
    retainHandling: extras.retainHandling ?? defaults.retainHandling ?? (nest?.rh as 0 | 1 | 2 | undefined),
  });
}

/** @throws {ConfigurationError} */
export function checkConcurrency(concurrency = Infinity): number {
  if (concurrency === Infinity || (Number.isInteger(concurrency) && concurrency >= 1)) return concurrency;
  throw new ConfigurationError(`concurrency must be an integer of 1 or more, not ${inspect(concurrency)}`);
}
