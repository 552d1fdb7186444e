import { parseArgs } from 'node:util';

export const HELP = `Usage: npm run demo -- [options]

  --url <url>       use this broker, such as mqtt://localhost:1883, instead of the one that the demo brings
  --mqtt5           speak MQTT 5 instead of MQTT 3.1.1
  --watch           go on until Ctrl-C
  --help            show this text

  --web             show a fleet of devices on a page instead: see examples/fleet
  --port <port>     where the page is; a free port by default
  --host <address>  127.0.0.1 by default; 0.0.0.0 lets a phone see it
  --seconds <n>     end after so long; at Ctrl-C by default
`;

export interface CommandLine {
  readonly url?: string;
  readonly mqtt5: boolean;
  readonly watch: boolean;
  readonly help: boolean;
  readonly web: boolean;
  readonly port: number;
  readonly host: string;
  readonly seconds: number | undefined;
}

/** @throws if an option is unknown, lacks its value, or has one that is no number where it should be */
export function readCommandLine(): CommandLine {
  const { values } = parseArgs({
    options: {
      url: { type: 'string' },
      mqtt5: { type: 'boolean', default: false },
      watch: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      web: { type: 'boolean', default: false },
      port: { type: 'string', default: '0' },
      host: { type: 'string', default: '127.0.0.1' },
      seconds: { type: 'string' },
    },
  });
  const { url, mqtt5, watch, web, port, seconds } = values;
  if (web && (url !== undefined || mqtt5 || watch))
    throw new Error('--url, --mqtt5 and --watch are not for --web');
  return {
    ...values,
    port: toNumber('--port', port),
    seconds: seconds === undefined ? undefined : toNumber('--seconds', seconds),
  };
}

function toNumber(option: string, text: string): number {
  const number = Number(text);
  if (text === '' || !(number >= 0)) throw new Error(`${option} must be a number from 0 up, not "${text}"`);
  return number;
}
