// npm run bench -- routing: what finding the handlers of a message costs with 10, 1,000 and 100,000 Topic Filters.
// The trie is no public API, so that this comes from the source.
import { TopicFilter } from '../src/topic/topic-filter.js';
import { TopicTrie } from '../src/topic/topic-trie.js';
import { median } from './support/median.js';
import { rowPrinter } from './support/row-printer.js';

interface Workload {
  readonly title: string;
  /** The ten filters of a site. */
  readonly filters: (site: number) => readonly string[];
  /** As many different topics for each number of filters, for the strings alone are a load on the CPU's caches. */
  readonly topics: number;
  readonly topic: (site: number, index: number) => string;
  readonly from: 'one site' | 'all sites';
  readonly matches: number;
}

const SIZES = [10, 1_000, 100_000] as const;
const FILTERS_PER_SITE = 10;
const FLAT_WITHIN = 2;
const ROUNDS = 25;
const WARM_UP_ROUNDS = 5;
const MATCHES_PER_ROUND = 20_000;

const printRow = rowPrinter(42, 10);

const reading = (site: number, index: number) => `sites/s${site}/meters/m${index}/reading`;
const alarm = (site: number, index: number) => `sites/s${site}/alarms/a${index}/raised`;
const unknown = (site: number, index: number) => `sites/s${site}/meters/m${index}/unknown`;
const state = (site: number, index: number) => `sites/s${site}/inverters/i${index}/state`;

const mixed = { filters: mixedFilters, topics: 1_000, matches: 1 };
const WORKLOADS: readonly Workload[] = [
  { title: '1 with "+" matches', ...mixed, topic: reading, from: 'one site' },
  { title: '1 with "+" matches', ...mixed, topic: reading, from: 'all sites' },
  { title: '1 with "#" matches', ...mixed, topic: alarm, from: 'all sites' },
  { title: '1 literal matches', ...mixed, topic: state, from: 'one site', topics: 8 },
  { title: 'none matches', ...mixed, topic: unknown, from: 'all sites', matches: 0 },
  { title: '10 match', ...mixed, filters: overlappingFilters, topic: reading, from: 'one site', matches: 10 },
  {
    title: '10 match',
    ...mixed,
    filters: overlappingFilters,
    topic: reading,
    from: 'all sites',
    matches: 10,
  },
  { title: '1 with "+" matches', ...mixed, topic: reading, from: 'all sites', topics: 10_000 },
];

run();

function run(): void {
  printRow('ns per match, with this many filters', 'topics', ...SIZES.map(count), 'ratio');
  const ratios = WORKLOADS.map((workload) => {
    const times = measure(workload);
    const ratio = Math.max(...times) / times[0]!;
    const title = `${workload.title}, topics of ${workload.from}`;
    printRow(title, count(workload.topics), ...times.map((time) => time.toFixed(0)), ratio.toFixed(2));
    return ratio;
  });
  const worst = Math.max(...ratios);
  const flat = worst <= FLAT_WITHIN;
  console.log(
    `\n${flat ? 'Flat' : 'NOT flat'} within a factor of ${FLAT_WITHIN}: the highest ratio to 10 filters is ${worst.toFixed(2)}`,
  );
}

function mixedFilters(site: number): string[] {
  const literals = Array.from({ length: FILTERS_PER_SITE - 2 }, (_, index) => state(site, index));
  return [`sites/s${site}/meters/+/reading`, `sites/s${site}/alarms/#`, ...literals];
}

function overlappingFilters(site: number): string[] {
  const rests = ['#', '+/#', '+/+/#', '+/+/+', '+/+/reading', '+/+/reading/#'];
  rests.push('meters/#', 'meters/+/#', 'meters/+/+', 'meters/+/reading');
  return rests.map((rest) => `sites/s${site}/${rest}`);
}

/** The median time of a match in nanoseconds for each number of filters, which take turns. */
function measure(workload: Workload): number[] {
  const subjects = SIZES.map((size) => {
    const sites = size / FILTERS_PER_SITE;
    return { trie: buildTrie(workload, sites), topics: createTopics(workload, sites), times: [] as number[] };
  });
  for (const { trie, topics } of subjects) check(trie, topics, workload);
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    for (let turn = 0; turn < subjects.length; turn++) {
      const { trie, topics, times } = subjects[(turn + round + WARM_UP_ROUNDS) % subjects.length]!;
      const time = timePerMatch(trie, topics);
      if (round >= 0) times.push(time);
    }
  }
  return subjects.map(({ times }) => median(times));
}

function buildTrie({ filters }: Workload, sites: number): TopicTrie<string> {
  const trie = new TopicTrie<string>();
  for (let site = 0; site < sites; site++) {
    for (const filter of filters(site)) trie.add(TopicFilter.parse(filter).levels, filter);
  }
  return trie;
}

/** In an order that no cache foresees, as strings that were read from a packet. */
function createTopics({ topics, topic, from }: Workload, sites: number): string[] {
  const spread = from === 'all sites' ? Math.min(sites, topics) : 1;
  const created = Array.from({ length: topics }, (_, index) =>
    Buffer.from(topic(Math.floor(((index % spread) * sites) / spread), index)).toString(),
  );
  return shuffled(created);
}

function shuffled(values: readonly string[]): string[] {
  const result = [...values];
  let random = 1;
  for (let index = result.length - 1; index > 0; index--) {
    random = Math.imul(random, 48_271) >>> 0;
    const other = random % (index + 1);
    [result[index], result[other]] = [result[other]!, result[index]!];
  }
  return result;
}

function check(trie: TopicTrie<string>, topics: readonly string[], { title, matches }: Workload): void {
  const wrong = topics.find((topic) => trie.match(topic).length !== matches);
  if (wrong !== undefined) throw new Error(`"${title}" is not true of "${wrong}"`);
}

function timePerMatch(trie: TopicTrie<string>, topics: readonly string[]): number {
  let found = 0;
  const start = process.hrtime.bigint();
  for (let done = 0; done < MATCHES_PER_ROUND; done += topics.length) {
    for (const topic of topics) found += trie.match(topic).length;
  }
  const elapsed = Number(process.hrtime.bigint() - start);
  if (found < 0) throw new Error('unreachable: keeps the matches from being optimised away');
  return elapsed / MATCHES_PER_ROUND;
}

function count(value: number): string {
  return value.toLocaleString('en');
}
