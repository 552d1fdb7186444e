import { describeWithProgram } from './describe-with-program.js';
import { mosquittoIsMissing, mosquittoProgram } from './mosquitto-program.js';

/** `describe` for what only mosquitto can show. */
export function describeWithMosquitto(title: string, suite: () => void): void {
  describeWithProgram(
    { name: 'mosquitto', path: mosquittoProgram, missing: mosquittoIsMissing },
    title,
    suite,
  );
}
