// A child process: a broker, for machines without mosquitto.
import { startBroker } from '../../examples/demo/broker.js';

process.once('disconnect', () => process.exit());
const { url } = await startBroker(process.argv[2] === '5' ? 5 : 4);
process.send!(url);
