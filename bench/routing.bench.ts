// The trie is no public API, so that this comes from the source.
import { TopicFilter } from '../src/topic/topic-filter.js';
import { TopicTrie } from '../src/topic/topic-trie.js';
import type { Benchmark, Section } from './support/benchmark.js';
import { median } from './support/median.js';
import { atMost } from './support/verdicts.js';

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

const SIZES = [10, 1_000, 10_000, 100_000] as const;
const FILTERS_PER_SITE = 10;
/** With so many filters a match may take so long: looking at each of them takes many times that. */
const MANY = 10_000;
const MAX_NANOSECONDS = 5_000;
const ROUNDS = 25;
const WARM_UP_ROUNDS = 5;
const MATCHES_PER_ROUND = 20_000;

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

const METHOD = `
Finding the handlers of a message among Topic Filters, ten for each site, by the trie of this library alone: no broker, no process but one.
`;
const WHY = `A match takes the same steps among 10 filters and among ${count(100_000)}. With topics of all sites it grows all the same: so many filters and topics are
more than the caches of a CPU hold.`;

/** What finding the handlers of a message costs. */
export const routing: Benchmark = {
  title: 'Routing',
  method: METHOD,
  run: () => [measureAll()],
};

function measureAll(): Section {
  const measured = WORKLOADS.map((workload) => ({ workload, times: measure(workload) }));
  const slowest = Math.max(...measured.map(({ times }) => times[SIZES.indexOf(MANY)]!));
  return {
    title: 'ns CPU for a match, with this many filters',
    columns: ['', 'topics', ...SIZES.map(count)],
    rows: measured.map(({ workload: { title, from, topics }, times }) => [
      `${title}, topics of ${from}`,
      count(topics),
      ...times.map((time) => time.toFixed(0)),
    ]),
    verdicts: [atMost(MAX_NANOSECONDS, slowest, `The slowest match with ${count(MANY)} filters`, ' ns')],
    notes: [WHY],
  };
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

/** The median CPU time of a match in nanoseconds for each number of filters, which take turns. */
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
  const usage = process.cpuUsage(); // not the time on the clock, in which others run, too
  for (let done = 0; done < MATCHES_PER_ROUND; done += topics.length) {
    for (const topic of topics) found += trie.match(topic).length;
  }
  const { user, system } = process.cpuUsage(usage);
  if (found < 0) throw new Error('unreachable: keeps the matches from being optimised away');
  return ((user + system) * 1000) / MATCHES_PER_ROUND;
}

function count(value: number): string {
  return value.toLocaleString('en');
}
