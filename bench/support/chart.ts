/** Bars that can be compared. */
export interface Chart {
  readonly title: string;
  readonly unit: string;
  /** Whether a bar that is twice as long means ten times as much, or the like. */
  readonly logarithmic?: boolean;
  readonly bars: readonly Bar[];
}

export interface Bar {
  readonly label: string;
  readonly of: 'MQTT.js' | 'nestjs-mqtt' | 'built-in';
  readonly value: number;
}
