// A service and a client against peers that mean harm. The handlers are as careless as handlers are.
import { setTimeout as delay } from 'node:timers/promises';
import { firstValueFrom } from 'rxjs';
import { answer } from './program-report.mjs';

const { entry, url, protocolVersion } = JSON.parse(process.argv[2]);
const { ClientMqtt, jsonCodec, MqttRecord, ServerMqtt } = await import(entry);

const server = new ServerMqtt({ url, protocolVersion, clientId: 'service', reconnectPeriod: 20 });
const client = new ClientMqtt({ url, protocolVersion, clientId: 'asker', reconnectPeriod: 20 });
let events = 0;

server.addHandler('events/#', () => void events++, true, { qos: 1 });
server.addHandler('requests/echo', (data) => data, false, { qos: 1 });
server.addHandler('requests/strict', (data) => data, false, { qos: 1, codec: jsonCodec });
server.addHandler('requests/once', (data) => data, false, { qos: 1, dedupe: { max: 100 } });
server.addHandler('requests/wait', wait, false, { qos: 1 });
server.addHandler('requests/merge', mergeAll, false, { qos: 1 });

answer({ ask, events: () => events });
await client.connect();
server.listen((error) => {
  if (error !== undefined) throw error;
});

function wait(_, { signal }) {
  return delay(300, 'done', { signal }).catch(() => 'stopped');
}

function mergeAll(data, context) {
  for (const source of [data, context.getMetadata()]) merge({}, source);
  Object.assign({}, context.userProperties, context.properties);
  return 'merged';
}

function merge(target, source) {
  for (const key in source) {
    if (typeof source[key] === 'object') merge((target[key] ??= {}), source[key]);
    else target[key] = source[key];
  }
}

/** Asks a device; the answer may be more than IPC takes. */
async function ask({ topic, timeoutMs }) {
  try {
    const value = await firstValueFrom(client.send(topic, new MqttRecord('?', { timeoutMs })));
    return { type: typeof value, ...(typeof value !== 'object' && { value }) };
  } catch (error) {
    return { error: error.name };
  }
}
