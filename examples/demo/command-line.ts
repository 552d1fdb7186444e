import { parseArgs } from 'node:util';

export const HELP = `Usage: npm run demo -- [options]

  --url <url>  use this broker, such as mqtt://localhost:1883, instead of the one that the demo brings
  --mqtt5      speak MQTT 5 instead of MQTT 3.1.1
  --watch      go on until Ctrl-C
  --help       show this text
`;

export interface CommandLine {
  readonly url?: string;
  readonly mqtt5: boolean;
  readonly watch: boolean;
  readonly help: boolean;
}

/** @throws if an option is unknown or lacks its value */
export function readCommandLine(): CommandLine {
  const { values } = parseArgs({
    options: {
      url: { type: 'string' },
      mqtt5: { type: 'boolean', default: false },
      watch: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  return values;
}
