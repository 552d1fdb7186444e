import { isWildcard } from './topic-filter.js';

interface Node<T> {
  /** The values of filters that end here. Most nodes have none: an empty array would be one more load from memory. */
  values: T[] | undefined;
  /** The values of filters that end in `#` below this level. */
  multi: T[] | undefined;
  single: Node<T> | undefined;
  /** The first literal level below, and its node: most nodes have no other, and a `Map` would be more loads from memory. */
  literal: string | undefined;
  literalNode: Node<T> | undefined;
  literals: Map<string, Node<T>> | undefined;
}

/**
 * Finds the values of all Topic Filters that match a topic, to the letter of the standard's section 4.7. What a
 * match costs depends on the levels of the topic, not on the number of filters.
 */
export class TopicTrie<T> {
  readonly #root = createNode<T>();

  /** @param levels the levels of a valid filter, without `$share/group` */
  add(levels: readonly string[], value: T): void {
    const multi = levels.at(-1) === '#';
    let node = this.#root;
    for (const level of multi ? levels.slice(0, -1) : levels) node = child(node, level);
    if (multi) node.multi = append(node.multi, value);
    else node.values = append(node.values, value);
  }

  /** The values of the filters that match a Topic Name. */
  match(topic: string): T[] {
    return collectMatches(this.#root, topic, 0, undefined) ?? [];
  }

  /** The values of the filters that have a topic in common with the filter of these levels. */
  *overlapping(levels: readonly string[]): Generator<T, void> {
    yield* overlaps(this.#root, levels, 0);
  }
}

/** A list of one has room for one: pushing to an empty one would make room for 17. */
function append<T>(values: T[] | undefined, value: T): T[] {
  if (values === undefined) return [value];
  values.push(value);
  return values;
}

function createNode<T>(): Node<T> {
  return {
    values: undefined,
    multi: undefined,
    single: undefined,
    literal: undefined,
    literalNode: undefined,
    literals: undefined,
  };
}

function child<T>(node: Node<T>, level: string): Node<T> {
  if (level === '+') return (node.single ??= createNode());
  const known = literalChild(node, level);
  if (known !== undefined) return known;
  const next = createNode<T>();
  if (node.literal === undefined) {
    node.literal = level;
    node.literalNode = next;
  } else (node.literals ??= new Map<string, Node<T>>()).set(level, next);
  return next;
}

function literalChild<T>(node: Node<T>, level: string): Node<T> | undefined {
  return node.literal === level ? node.literalNode : node.literals?.get(level);
}

/**
 * Costs no string for a level, most of which are wildcards or known by their only neighbour.
 * @param start where the level begins; behind the end of the topic if there is none left
 */
function collectMatches<T>(
  node: Node<T>,
  topic: string,
  start: number,
  found: T[] | undefined,
): T[] | undefined {
  const wildcards = start > 0 || !topic.startsWith('$'); // [MQTT-4.7.2-1]
  let all = wildcards && node.multi !== undefined ? join(found, node.multi) : found;
  if (start > topic.length) return node.values === undefined ? all : join(all, node.values);
  const slash = topic.indexOf('/', start);
  const end = slash < 0 ? topic.length : slash;
  const literal = literalAt(node, topic, start, end);
  if (literal !== undefined) all = collectMatches(literal, topic, end + 1, all);
  if (wildcards && node.single !== undefined) all = collectMatches(node.single, topic, end + 1, all);
  return all;
}

function literalAt<T>(node: Node<T>, topic: string, start: number, end: number): Node<T> | undefined {
  const { literal } = node;
  if (literal === undefined) return undefined;
  if (literal.length === end - start && topic.startsWith(literal, start)) return node.literalNode;
  return node.literals?.get(topic.slice(start, end));
}

/** Most topics have one match: no list that has room for more. */
function join<T>(found: T[] | undefined, more: readonly T[]): T[] {
  if (found === undefined) return [...more];
  found.push(...more);
  return found;
}

function* overlaps<T>(node: Node<T>, levels: readonly string[], index: number): Generator<T, void> {
  const level = levels[index];
  const wildcards = index > 0 || !level?.startsWith('$'); // [MQTT-4.7.2-1]
  if (level === '#') return yield* below(node, index);
  if (wildcards) yield* node.multi ?? [];
  if (level === undefined) return yield* node.values ?? [];
  for (const next of nextNodes(node, level, index, wildcards)) yield* overlaps(next, levels, index + 1);
}

function* nextNodes<T>(
  node: Node<T>,
  level: string,
  index: number,
  wildcards: boolean,
): Generator<Node<T>, void> {
  if (wildcards && node.single !== undefined) yield node.single;
  if (!isWildcard(level)) {
    const literal = literalChild(node, level);
    if (literal !== undefined) yield literal;
    return;
  }
  if (node.literalNode !== undefined && isWithinWildcard(node.literal!, index)) yield node.literalNode;
  for (const [literal, next] of node.literals ?? []) if (isWithinWildcard(literal, index)) yield next;
}

/** A leading wildcard does not stand for a level that begins with "$" [MQTT-4.7.2-1]. */
function isWithinWildcard(literal: string, index: number): boolean {
  return index > 0 || !literal.startsWith('$');
}

/** Everything at and below a level: what a filter that ends in `#` there overlaps with. */
function* below<T>(node: Node<T>, index: number): Generator<T, void> {
  yield* node.values ?? [];
  yield* node.multi ?? [];
  for (const next of nextNodes(node, '+', index, true)) yield* below(next, index + 1);
}
