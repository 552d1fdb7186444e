import { ConfigurationError } from '../errors.js';
import { topicStringProblem } from './topic-name.js';

/** The captured levels of a topic by the names that a filter gives them. */
export type TopicParams = Readonly<Record<string, string>>;

interface NamedLevel {
  readonly name: string;
  readonly index: number;
  readonly rest: boolean;
}

const SHARE_PREFIX = '$share/';
const NAMED_LEVEL = /^\{([A-Za-z_][\w-]*)(\*?)\}$/;

/**
 * A Topic Filter, parsed once: literals, `+`, `#`, and named levels, `{site}` for one level and `{path*}` for the
 * rest. A `$share/group/` in front makes it a Shared Subscription.
 * @see https://docs.oasis-open.org/mqtt/mqtt/v5.0/os/mqtt-v5.0-os.html#_Toc3901241
 */
export class TopicFilter {
  /** As the code wrote it. */
  readonly source: string;
  /** The same without `$share/group`, with its named levels. */
  readonly template: string;
  /** Its levels as they go on the wire, named levels as wildcards, without `$share/group`. */
  readonly levels: readonly string[];
  readonly shareName: string | undefined;
  readonly #names: readonly NamedLevel[];

  private constructor(source: string, levels: readonly string[], shareName: string | undefined) {
    this.source = source;
    this.template = levels.join('/');
    this.shareName = shareName;
    this.#names = namedLevels(levels);
    this.levels = isTemplate(levels) ? levels.map(toWildcard) : levels;
  }

  /** @throws {ConfigurationError} naming the filter and the rule that it breaks */
  static parse(source: string): TopicFilter {
    const { shareName, filter } = splitShare(source);
    const problem =
      shareNameProblem(shareName) ??
      topicStringProblem(filter) ??
      topicStringProblem(source) ??
      levelsProblem(filter.split('/'));
    if (problem !== undefined) throw invalid(source, problem);
    return new TopicFilter(source, filter.split('/'), shareName);
  }

  /** The filter without `$share/group`: what a topic is matched with. */
  get filter(): string {
    return this.levels.join('/');
  }

  /** What a SUBSCRIBE asks for. */
  get subscription(): string {
    return this.shareName === undefined ? this.filter : `${SHARE_PREFIX}${this.shareName}/${this.filter}`;
  }

  /** The same filter, shared by the group `shareName`. */
  share(shareName: string): TopicFilter {
    const problem = shareNameProblem(shareName);
    if (problem !== undefined) throw invalid(`${SHARE_PREFIX}${shareName}/${this.source}`, problem);
    return TopicFilter.parse(`${SHARE_PREFIX}${shareName}/${splitShare(this.source).filter}`);
  }

  /** Sorts filters that match the same topic: the most specific one first (a literal before `+` before `#`). */
  get specificity(): string {
    return this.levels.map((level) => (level === '#' ? 2 : level === '+' ? 1 : 0)).join('');
  }

  /** The names of its named levels. */
  get names(): readonly string[] {
    return this.#names.map(({ name }) => name);
  }

  /** The named levels of a topic that this filter matches; `{path*}` is left out when it matches the parent level. */
  capture(topic: string): TopicParams {
    if (this.#names.length === 0) return {};
    const levels = topic.split('/');
    let params: TopicParams = {};
    for (const { name, index, rest } of this.#names) {
      if (index >= levels.length) continue;
      params = { ...params, [name]: rest ? levels.slice(index).join('/') : levels[index]! };
    }
    return params;
  }

  /** Whether every topic that `other` matches is matched by this filter too. */
  covers(other: TopicFilter): boolean {
    for (const [index, level] of this.levels.entries()) {
      const covered = other.levels[index];
      if (index === 0 && isWildcard(level) && covered?.startsWith('$')) return false; // [MQTT-4.7.2-1]
      if (level === '#') return true;
      if (covered === undefined || covered === '#') return false;
      if (level !== '+' && level !== covered) return false;
    }
    return this.levels.length === other.levels.length;
  }
}

/** Whether a level of a filter stands for any level. */
export function isWildcard(level: string): boolean {
  return level === '+' || level === '#';
}

function splitShare(source: string): { shareName: string | undefined; filter: string } {
  if (source !== '$share' && !source.startsWith(SHARE_PREFIX))
    return { shareName: undefined, filter: source };
  const [, shareName = '', ...levels] = source.split('/');
  if (levels.length === 0) throw invalid(source, 'it must be "$share/ShareName/filter" [MQTT-4.8.2-2]');
  return { shareName, filter: levels.join('/') };
}

function shareNameProblem(shareName: string | undefined): string | undefined {
  if (shareName === '') return 'its ShareName must be at least one character long [MQTT-4.8.2-1]';
  if (shareName !== undefined && /[+#/]/.test(shareName)) {
    return 'its ShareName must not contain "/", "+" or "#" [MQTT-4.8.2-2]';
  }
  return undefined;
}

function levelsProblem(levels: readonly string[]): string | undefined {
  const templated = isTemplate(levels);
  for (const [index, level] of levels.entries()) {
    const last = index === levels.length - 1;
    if (level.includes('#') && (level !== '#' || !last))
      return '"#" must be the whole last level [MQTT-4.7.1-1]';
    if (level.includes('+') && level !== '+') return '"+" must be a whole level [MQTT-4.7.1-2]';
    const problem = templated && /[{}]/.test(level) ? namedLevelProblem(level, last) : undefined;
    if (problem !== undefined) return problem;
  }
  return repeatedName(namedLevels(levels));
}

function namedLevelProblem(level: string, last: boolean): string | undefined {
  const match = NAMED_LEVEL.exec(level);
  if (match === null) return `"${level}" is no named level: it must be a whole level, "{name}" or "{name*}"`;
  if (match[2] === '*' && !last) return `"${level}" takes the rest of the topic and must be the last level`;
  return undefined;
}

function repeatedName(names: readonly NamedLevel[]): string | undefined {
  const repeated = names.find(({ name }, index) => names.findIndex((other) => other.name === name) !== index);
  return repeated && `the name "${repeated.name}" occurs twice`;
}

/** Nest turns an object pattern into its JSON: those braces name nothing. */
function isTemplate(levels: readonly string[]): boolean {
  return !levels[0]!.startsWith('{"');
}

function namedLevels(levels: readonly string[]): NamedLevel[] {
  if (!isTemplate(levels)) return [];
  return levels.flatMap((level, index) => {
    const match = NAMED_LEVEL.exec(level);
    return match === null ? [] : [{ name: match[1]!, index, rest: match[2] === '*' }];
  });
}

function toWildcard(level: string): string {
  const match = NAMED_LEVEL.exec(level);
  if (match === null) return level;
  return match[2] === '*' ? '#' : '+';
}

function invalid(source: string, problem: string): ConfigurationError {
  return new ConfigurationError(`The Topic Filter "${source}" is invalid: ${problem}`);
}
