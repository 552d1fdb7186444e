import type { MqttClient } from 'mqtt';
import { listen } from '../support/listen.js';
import { listenBuiltIn } from '../support/listen-built-in.js';
import { createServer } from './create-server.js';
import { patternsOf } from './patterns-of.js';
import type { Handle, Service, ServiceSettings } from './service.js';

/** The strategy by itself, with functions where Nest has methods of controllers. */
export async function prepareStrategy(settings: ServiceSettings, handle: Handle): Promise<Service> {
  const { server, level, of } = await createServer(settings);
  for (const { pattern, measured } of patternsOf(settings, level)) {
    // Nest's own, too, are asynchronous
    server.addHandler(pattern, measured ? async (data) => handle(data) : async () => undefined, true);
  }
  return {
    listen: () => (of === 'Nest' ? listenBuiltIn(server) : listen(server)),
    get client() {
      return server.unwrap<MqttClient>();
    },
  };
}
