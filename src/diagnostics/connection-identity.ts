/** Which connection something happened on. */
export interface ConnectionIdentity {
  /** The broker's address, without credentials; of several `servers` the one that is connected to, as `host:port`. */
  readonly broker: string;
  /** The Client Identifier; one that the broker assigns is known once it is connected. */
  readonly clientId: string;
  readonly protocolVersion: 3 | 4 | 5;
}
