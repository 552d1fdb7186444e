import type { Scene } from './scene.js';

/** Something that users do, which has to work with every broker that does not declare a {@link Limit}. */
export interface Feature {
  /** As it stands in the table. */
  readonly name: string;
  /** What is in MQTT 5 only. */
  readonly mqtt5?: true;
  /** Tried only where this one works. */
  readonly needs?: Feature;
  readonly run: (scene: Scene) => Promise<void>;
}

/** What a broker cannot do, and what users are told about it. */
export interface Limit {
  readonly feature: Feature;
  /** On one version of MQTT only. */
  readonly protocolVersion?: 4 | 5;
  /** What the broker does instead, as it stands in the table. */
  readonly words: string;
  /** What the library says, and where; without it nobody is told, because nothing tells the library. */
  readonly says?: string;
  /** Shows both. */
  readonly run: (scene: Scene) => Promise<void>;
}
