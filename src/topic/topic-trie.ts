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
    if (multi) (node.multi ??= []).push(value);
    else (node.values ??= []).push(value);
  }

  /** The values of the filters that match a Topic Name. */
  match(topic: string): T[] {
    const found: T[] = [];
    collectMatches(this.#root, topic.split('/'), 0, found);
    return found;
  }

  /** The values of the filters that have a topic in common with the filter of these levels. */
  *overlapping(levels: readonly string[]): Generator<T, void> {
    yield* overlaps(this.#root, levels, 0);
  }
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

function collectMatches<T>(node: Node<T>, levels: readonly string[], index: number, found: T[]): void {
  const wildcards = index > 0 || !levels[0]!.startsWith('$'); // [MQTT-4.7.2-1]
  if (wildcards && node.multi !== undefined) found.push(...node.multi);
  if (index === levels.length) {
    if (node.values !== undefined) found.push(...node.values);
    return;
  }
  const literal = literalChild(node, levels[index]!);
  if (literal !== undefined) collectMatches(literal, levels, index + 1, found);
  if (wildcards && node.single !== undefined) collectMatches(node.single, levels, index + 1, found);
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
