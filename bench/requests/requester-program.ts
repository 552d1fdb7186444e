// A child process: makes requests as fast as they are answered, so many at a time, and says how long they took.
import { Logger } from '@nestjs/common';
import { connectRequester } from './connect-requester.js';
import { Load } from './load.js';
import type { PairSettings, RoundRequest } from './protocol.js';

const { kind, topic, url } = JSON.parse(process.argv[2]!) as PairSettings;

Logger.overrideLogger(['fatal']); // Nest's client calls its own disconnecting an error
process.once('disconnect', () => process.exit());
const requester = await connectRequester(kind, url);
process.on('message', (round: RoundRequest) => {
  void new Load(requester, topic).run(round).then((report) => process.send!(report)); // one that rejects ends the process
});
process.send!('ready');
