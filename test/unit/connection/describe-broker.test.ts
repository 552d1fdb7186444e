import { describeBroker } from '../../../src/connection/connection-options.js';
import { connectionAttributes } from '../../../src/opentelemetry/connection-attributes.js';

describe('describeBroker', () => {
  it.each([
    [{}, 'mqtt://localhost:1883', 'localhost', 1883],
    [{ url: 'mqtts://user:secret@host?token=1' }, 'mqtts://host', 'host', 8883],
    [{ host: 'other', port: 1884 }, 'mqtt://other:1884', 'other', 1884],
    [{ url: 'mqtt://[::1]:1884' }, 'mqtt://[::1]:1884', '::1', 1884],
    [{ url: 'mqtt://[::1]:1884', port: 1885 }, 'mqtt://[::1]:1885', '::1', 1885],
    [{ host: '::1', port: 1884 }, 'mqtt://[::1]:1884', '::1', 1884],
    [{ servers: [{ host: '::1', port: 1884 }] }, '[::1]:1884', '::1', 1884],
  ])('has the address of %j, of which telemetry has host and port', (options, broker, host, port) => {
    expect(describeBroker(options)).toBe(broker);
    expect(connectionAttributes({ broker, clientId: '', protocolVersion: 5 })).toMatchObject({
      'server.address': host,
      'server.port': port,
    });
  });
});
