/** Where our decorators leave what the method's parameters ask for by name. */
export const TOPIC_PARAM_NAMES = Symbol('nestjs-mqtt:topic-param-names');

const namesOf = new WeakMap<object, Map<string | symbol, readonly string[]>>();

/** The names in the `@TopicParam('…')` of a method. */
export function topicParamNames(target: object, method: string | symbol): readonly string[] {
  return namesOf.get(target)?.get(method) ?? [];
}

/** Parameters are decorated before their method is. */
export function noteTopicParam(target: object, method: string | symbol, name: string): void {
  const methods = namesOf.get(target) ?? new Map<string | symbol, readonly string[]>();
  namesOf.set(target, methods.set(method, [...topicParamNames(target, method), name]));
}
