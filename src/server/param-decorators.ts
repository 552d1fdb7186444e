import { createParamDecorator, type ExecutionContext, type PipeTransform, type Type } from '@nestjs/common';
import { MqttContext } from '../message/mqtt-context.js';

type Pipe = PipeTransform | Type<PipeTransform>;

/**
 * A level of the topic that the pattern names, as a string; without a name, all of them in an object.
 *
 * @example `@TopicParam('channel', ParseIntPipe) channel: number`
 */
export const TopicParam: (nameOrPipe?: string | Pipe, ...pipes: Pipe[]) => ParameterDecorator = fromContext(
  ({ params }, name) => (name === undefined ? params : params[name]),
);

/** The Topic Name of the message. */
export const Topic: (...pipes: Pipe[]) => ParameterDecorator = fromContext(({ topic }) => topic);

/**
 * A User Property of an MQTT 5 message, an array if it was sent several times; `undefined` if it is missing and on
 * 3.1.1. Without a name, all of them in an object.
 */
export const UserProperty: (nameOrPipe?: string | Pipe, ...pipes: Pipe[]) => ParameterDecorator = fromContext(
  ({ userProperties }, name) => (name === undefined ? userProperties : userProperties[name]),
);

/** A handler that another transport calls too has no MQTT context: its parameter is `undefined` then. */
function fromContext(extract: (context: MqttContext, name: string | undefined) => unknown) {
  return createParamDecorator((name: string | undefined, host: ExecutionContext) => {
    const context: unknown = host.switchToRpc().getContext();
    return context instanceof MqttContext ? extract(context, name) : undefined;
  });
}
