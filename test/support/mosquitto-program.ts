import { findExecutable } from './find-executable.js';

/** The mosquitto broker of this machine, if it has one. */
export const mosquittoProgram: string | undefined = findExecutable('mosquitto');

export const mosquittoIsMissing =
  'mosquitto is missing: "apt-get install mosquitto" or "brew install mosquitto"';
