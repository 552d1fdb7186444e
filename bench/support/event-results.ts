import type { Section } from './benchmark.js';
import type { Bar, Chart } from './chart.js';
import { Comparison } from './comparison.js';

/** Who publishes or receives events. */
export interface EventSubject {
  readonly title: string;
  readonly of: 'MQTT.js' | 'nestjs-mqtt' | 'built-in';
  /** By itself, or in a Nest application. */
  readonly form: 'alone' | 'application';
  /** How many handlers there are that no event is for. */
  readonly otherHandlers: number;
}

/** What an event took in a round. */
export interface EventCost {
  readonly cpuMicroseconds: number;
  readonly microseconds: number;
}

const COLUMNS = ['other handlers', 'µs CPU', 'to MQTT.js', 'of rounds', 'to built-in', 'events/s'];

/** What events cost, by subject: MQTT.js is the first one. */
export class EventResults<Subject extends EventSubject> {
  readonly cpu: Comparison<Subject>;
  readonly #time: Comparison<Subject>;
  readonly #subjects: readonly Subject[];

  /** @param costs of each subject, one for each round */
  constructor(subjects: readonly Subject[], costs: readonly (readonly EventCost[])[]) {
    const only = (name: keyof EventCost) => costs.map((rounds) => rounds.map((cost) => cost[name]));
    this.#subjects = subjects;
    this.cpu = new Comparison(subjects, only('cpuMicroseconds'));
    this.#time = new Comparison(subjects, only('microseconds'));
  }

  /** Who is faster, and why, if another one is. */
  slower(own: Subject, other: Subject, who: string, why: string): string[] {
    const ratio = this.cpu.ratio(own, other);
    return ratio > 1
      ? [`${who} is faster, ${own.title} takes ${ratio.toFixed(2)} times as long. ${why}`]
      : [];
  }

  find(of: Subject['of'], form: Subject['form'], otherHandlers: number): Subject | undefined {
    return this.#subjects.find(
      (subject) => subject.of === of && subject.form === form && subject.otherHandlers === otherHandlers,
    );
  }

  table(title: string): Pick<Section, 'title' | 'columns' | 'rows'> {
    const rows = this.#subjects.map((subject) => this.#row(subject));
    return { title, columns: ['', ...COLUMNS], rows };
  }

  /** The CPU time of some of them. */
  chart(title: string, logarithmic: boolean, subjects: readonly Subject[] = this.#subjects): Chart {
    const bars = subjects.map((subject) => this.#bar(subject));
    return { title, unit: 'µs of CPU time for each event', logarithmic, bars };
  }

  #bar(subject: Subject): Bar {
    const { title, of, otherHandlers } = subject;
    const others = otherHandlers === 0 ? '' : `, ${otherHandlers.toLocaleString('en')} other handlers`;
    return { label: `${title}${others}`, of, value: this.cpu.median(subject) };
  }

  #row(subject: Subject): string[] {
    const [mqttJs] = this.#subjects as readonly [Subject];
    const builtIn = this.find('built-in', subject.form, subject.otherHandlers);
    return [
      subject.title,
      subject.otherHandlers.toLocaleString('en'),
      this.cpu.median(subject).toFixed(1),
      this.cpu.ratio(subject, mqttJs).toFixed(2),
      this.cpu.range(subject, mqttJs),
      builtIn === undefined ? '' : this.cpu.ratio(subject, builtIn).toFixed(2),
      Math.round(1_000_000 / this.#time.median(subject)).toLocaleString('en'),
    ];
  }
}
