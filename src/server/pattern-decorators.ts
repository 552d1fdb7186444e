import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { HANDLER_NAME } from './handler-name.js';
import type { MqttHandlerOptions } from './handler-options.js';
import { TOPIC_PARAM_NAMES, topicParamNames } from './topic-param-names.js';

/** What {@link MqttEventPattern} and {@link MqttMessagePattern} take beside the pattern. */
export interface MqttPatternOptions extends MqttHandlerOptions {
  /** Binds the handler to the server with this `transportId` alone. Default: to every server of the application. */
  readonly transport?: number | symbol | undefined;
}

/** A Topic Filter, with named levels, or an object, whose normalised JSON is then the topic; or several of them. */
export type MqttPattern = string | object | readonly (string | object)[];

type NestPatternDecorator = (
  pattern: MqttPattern,
  transport?: number | symbol,
  extras?: object,
) => MethodDecorator;

/**
 * Handles every message on the topics of a pattern: Nest's `@EventPattern` with typed MQTT options. Put it on a method of a controller:
 * `@MqttEventPattern('sites/{site}/meters/+/reading', { qos: 1 })`. Every handler whose pattern matches runs, once per message.
 * @param pattern a Topic Filter with `+`, `#`, and named levels, `{site}` for one level and `{path*}` for the rest of the topic
 */
export function MqttEventPattern(pattern: MqttPattern, options: MqttPatternOptions = {}): MethodDecorator {
  return named(EventPattern as NestPatternDecorator, pattern, options);
}

/**
 * Answers the requests on the topics of a pattern: Nest's `@MessagePattern` with typed MQTT options. What the method returns is the answer: a
 * value, a Promise of one, or an Observable of many. Where several match, the most specific one answers. A message that is no request
 * is handled too, and its result dropped.
 * @param pattern a Topic Filter with `+`, `#`, and named levels, `{site}` for one level and `{path*}` for the rest of the topic
 */
export function MqttMessagePattern(pattern: MqttPattern, options: MqttPatternOptions = {}): MethodDecorator {
  return named(MessagePattern as NestPatternDecorator, pattern, options);
}

function named(
  decorator: NestPatternDecorator,
  pattern: MqttPattern,
  { transport, ...options }: MqttPatternOptions,
): MethodDecorator {
  return (target, key, descriptor) => {
    const name = `${target.constructor.name}.${String(key)}`;
    const names = Array.isArray(pattern) ? [] : topicParamNames(target, key); // of several patterns, one may have it
    const extras = { ...options, [HANDLER_NAME]: name, [TOPIC_PARAM_NAMES]: names };
    return decorator(pattern, transport, extras)(target, key, descriptor);
  };
}
