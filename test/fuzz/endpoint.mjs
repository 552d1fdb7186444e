// Our server, or our client, against a broker that sends what is malformed.
import { firstValueFrom } from 'rxjs';
import { answer } from './program-report.mjs';

const { entry, role, urls, protocolVersion } = JSON.parse(process.argv[2]);
const { ClientMqtt, ServerMqtt } = await import(entry);

const optionsOf = (url) => ({
  url,
  protocolVersion,
  clientId: 'endpoint',
  reconnectPeriod: 1,
  ...(protocolVersion === 5 && { properties: { topicAliasMaximum: 10 } }),
});

answer();
for (const url of urls) {
  if (role === 'server') serve(new ServerMqtt(optionsOf(url)));
  else void ask(new ClientMqtt(optionsOf(url)));
}

function serve(server) {
  server.addHandler('barrier', () => undefined, true, { qos: 1 });
  server.addHandler('fuzz/#', (data) => ({ ...data }), true, { qos: 2 });
  server.addHandler('fuzz/+', (data) => ({ ...data }), false, { qos: 2 });
  server.listen((error) => {
    if (error !== undefined) throw error;
  });
}

/** Asks again and again, each time with what was answered last. */
async function ask(client) {
  for (let last = ''; ;) {
    last = await firstValueFrom(client.send('ask', { last }), { defaultValue: last }).catch(() => last);
  }
}
