import 'reflect-metadata';
import { ClientMqtt } from '../../src/index.js';

type ClientOptions = NonNullable<ConstructorParameters<typeof ClientMqtt>[0]>;

/** Connects our client to a broker; the end of the fixture closes it. */
export async function startClient(
  url: string,
  options: Omit<ClientOptions, 'url'> = {},
): Promise<ClientMqtt & AsyncDisposable> {
  const client = createClient({ ...options, url });
  try {
    await client.connect();
  } catch (error) {
    await client.close();
    throw error;
  }
  return client;
}

/** The same, which is not connected yet. */
export function createClient(options: ClientOptions): ClientMqtt & AsyncDisposable {
  const client = new ClientMqtt(options);
  const closeClient = async () => {
    await client.close();
  };
  return Object.assign(client, { [Symbol.asyncDispose]: closeClient });
}
