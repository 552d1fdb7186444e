import { readdirSync, readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';

interface Container {
  readonly readinessProbe: { readonly httpGet: { readonly path: string } };
  readonly livenessProbe: { readonly httpGet: { readonly path: string } };
}

interface Workload {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly containers: readonly [Container];
      };
    };
  };
}

const folder = 'examples/operating';
const files = readdirSync(folder).filter((file) => file.endsWith('.yaml'));
const guide = readFileSync('docs/operating.md', 'utf8');

describe('examples/operating', () => {
  it.each(files)('%s is YAML, without doubt', (file) => {
    const documents = parseAllDocuments(read(file), { strict: true, uniqueKeys: true });
    expect(documents.flatMap(({ errors, warnings }) => [...errors, ...warnings])).toEqual([]);
  });

  it.each(['compose.yaml', 'kubernetes.yaml'])('docs/operating.md shows %s as it is', (file) => {
    expect(guide).toContain(`\`\`\`yaml\n${read(file)}\`\`\`\n`);
  });

  it.each(['service.module.ts', 'create-service.ts', 'serve.ts'])(
    'docs/operating.md shows %s as it is',
    (file) => {
      expect(guide).toContain(`\`\`\`ts [${file}]\n${read(file)}\`\`\`\n`);
    },
  );

  it.each([
    ['kubernetes.yaml', 10],
    ['kubernetes-kept-sessions.yaml', 0],
  ])('%s leaves the time that close() may take', (file, unsubscribeSeconds) => {
    const [workload] = parse(file) as [Workload];
    const { terminationGracePeriodSeconds, containers } = workload.spec.template.spec;
    expect(terminationGracePeriodSeconds).toBeGreaterThan(unsubscribeSeconds + drainSeconds() + 5);
    const { readinessProbe, livenessProbe } = containers[0];
    expect([readinessProbe.httpGet.path, livenessProbe.httpGet.path]).toEqual([
      '/health/ready',
      '/health/live',
    ]);
  });

  it('the alerts are those of docs/operating.md, on metrics that there are', () => {
    const [{ groups }] = parse('alerts.yaml') as [
      { groups: [{ rules: { readonly alert: string; readonly expr: string }[] }] },
    ];
    const { rules } = groups[0];
    expect(Array.from(guide.matchAll(/^\| `(Mqtt\w+)`/gm), ([, alert]) => alert)).toEqual(
      rules.map(({ alert }) => alert),
    );
    const used = rules.flatMap(({ expr }) => expr.match(/\b(?:nestjs_mqtt|messaging)_\w+(?=[\s{[)])/g) ?? []);
    const known = prometheusNames();
    const labels = ['messaging_destination_template'];
    expect(used.length).toBeGreaterThan(8);
    expect(used.filter((name) => !known.includes(name) && !labels.includes(name))).toEqual([]);
  });
});

function read(file: string): string {
  return readFileSync(`${folder}/${file}`, 'utf8');
}

function parse(file: string): unknown[] {
  return parseAllDocuments(read(file)).map((document) => document.toJS() as unknown);
}

function drainSeconds(): number {
  const [, drainTimeoutMs = ''] = /drainTimeoutMs: ([\d_]+)/.exec(read('create-service.ts')) ?? [];
  return Number(drainTimeoutMs.replaceAll('_', '')) / 1000;
}

/** As Prometheus calls the metrics of docs/opentelemetry.md that come by OTLP. */
function prometheusNames(): string[] {
  const rows = readFileSync('docs/opentelemetry.md', 'utf8').matchAll(
    /^\| (`[\w.]+`(?:, `[\w.]+`)*) +\| (counter|histogram, s|up-down) /gm,
  );
  const suffixes = {
    counter: ['_total'],
    'histogram, s': ['_seconds_count', '_seconds_bucket'],
    'up-down': [''],
  };
  return Array.from(rows).flatMap(([, names = '', kind = '']) =>
    Array.from(names.matchAll(/`([\w.]+)`/g)).flatMap(([, name = '']) =>
      suffixes[kind as keyof typeof suffixes].map((suffix) => name.replaceAll('.', '_') + suffix),
    ),
  );
}
