import { createParamDecorator, type ExecutionContext, type PipeTransform, type Type } from '@nestjs/common';
import { MqttContext } from '../message/mqtt-context.js';
import { noteTopicParam } from './topic-param-names.js';

/** As of Nest's own parameter decorators: an instance, or a class that Nest makes one of. */
export type ParamPipe = PipeTransform | Type<PipeTransform>;

/**
 * A level of the topic that the pattern names, as a string; pipes may follow: `@TopicParam('channel', ParseIntPipe) channel: number`.
 * Without a name, all of them in an object. `listen()` rejects a name that the pattern of `@MqttEventPattern` or `@MqttMessagePattern` has not.
 * @function
 */
export const TopicParam: (nameOrPipe?: string | ParamPipe, ...pipes: ParamPipe[]) => ParameterDecorator =
  (nameOrPipe, ...pipes) =>
  (target, method, index) => {
    if (typeof nameOrPipe === 'string' && method !== undefined) noteTopicParam(target, method, nameOrPipe);
    extractTopicParam(nameOrPipe, ...pipes)(target, method, index);
  };

/**
 * The Topic Name of the message, such as `sites/oslo/meters/7/reading`: `@Topic() topic: string`.
 * @function
 */
export const Topic: (...pipes: ParamPipe[]) => ParameterDecorator = fromContext(({ topic }) => topic);

/**
 * A User Property of an MQTT 5 message: `@UserProperty('tenant') tenant: string | undefined`. An array if it was sent several times;
 * `undefined` if it is missing and on 3.1.1. Without a name, all of them in an object.
 * @function
 */
export const UserProperty: (nameOrPipe?: string | ParamPipe, ...pipes: ParamPipe[]) => ParameterDecorator =
  fromContext(({ userProperties }, name) => (name === undefined ? userProperties : userProperties[name]));

const extractTopicParam = fromContext(({ params }, name) => (name === undefined ? params : params[name]));

/** A handler that another transport calls too has no MQTT context: its parameter is `undefined` then. */
function fromContext(extract: (context: MqttContext, name: string | undefined) => unknown) {
  return createParamDecorator((name: string | undefined, host: ExecutionContext) => {
    const context: unknown = host.switchToRpc().getContext();
    return context instanceof MqttContext ? extract(context, name) : undefined;
  });
}
