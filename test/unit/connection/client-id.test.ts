import { hostname } from 'node:os';
import { createClientId } from '../../../src/connection/client-id.js';
import { ConfigurationError } from '../../../src/index.js';

describe('a Client Identifier', () => {
  it('is by default another one each time, of 20 characters that every broker takes [MQTT-3.1.3-5]', () => {
    expect(createClientId({})).toMatch(/^[0-9a-zA-Z]{20}$/);
    expect(createClientId({})).not.toBe(createClientId({}));
  });

  it.each([
    ['is taken as it is', 'billing-1', 'billing-1'],
    ['may be empty', '', ''],
    ['may have braces that are no placeholder', '{', '{'],
    ['has the name of the host', 'billing-{hostname}', `billing-${hostname()}`],
    ['has the number of the process', '{pid}', String(process.pid)],
    ['has several of them', '{hostname}/{pid}/{pid}', `${hostname()}/${process.pid}/${process.pid}`],
  ])('%s', (_, clientId, expected) => {
    expect(createClientId({ clientId })).toBe(expected);
  });

  it('has a UUID, another one each time', () => {
    const uuid = /^a-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
    expect(createClientId({ clientId: 'a-{uuid}' })).toMatch(uuid);
    expect(createClientId({ clientId: 'a-{uuid}' })).not.toBe(createClientId({ clientId: 'a-{uuid}' }));
  });

  it.each(['host', '', 'UUID', 'constructor'])('has no other placeholder: {%s}', (name) => {
    const create = () => createClientId({ clientId: `a-{${name}}` });
    expect(create).toThrow(ConfigurationError);
    expect(create).toThrow(
      `{${name}} in the clientId "a-{${name}}" is not known: there are {uuid}, {hostname}, {pid}`,
    );
  });

  it.each([undefined, '', '{uuid}', 'a-{pid}', '{hostname}-{uuid}'])(
    'that does not stay the same cannot keep a session: %s',
    (clientId) => {
      const create = () => createClientId({ clientId, clean: false });
      expect(create).toThrow(ConfigurationError);
      expect(create).toThrow('(clean: false) needs a clientId that stays the same');
    },
  );

  it.each(['billing-1', 'billing-{hostname}'])('that stays the same can: %s', (clientId) => {
    expect(createClientId({ clientId, clean: false })).not.toContain('{');
  });
});
