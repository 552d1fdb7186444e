/**
 * What a message says about its payload (MQTT 5 only).
 * @see https://docs.oasis-open.org/mqtt/mqtt/v5.0/os/mqtt-v5.0-os.html#_Toc3901111
 */
export interface PayloadFormat {
  /** A MIME type, such as `application/json`. */
  readonly contentType?: string | undefined;
  /** The Payload Format Indicator: `true` says that the payload is UTF-8. */
  readonly payloadFormatIndicator?: boolean | undefined;
}

/** A payload as it goes on the wire. On MQTT 3.1.1 the format is left out. */
export interface EncodedPayload extends PayloadFormat {
  /** Text goes out as UTF-8. */
  readonly payload: Buffer | string;
}

/**
 * Turns values into payloads and back. A codec keeps no state, and is strict: what it cannot read or write is a
 * {@link CodecError}, never a guess (`autoCodec` alone guesses, where the message does not say what it is).
 */
export interface Codec {
  /** Names the codec in error messages. */
  readonly name: string;
  /**
   * Turns a value into a payload, and says what it is.
   * @throws {CodecError} if the value has no form in this codec
   */
  encode(value: unknown): EncodedPayload;
  /**
   * Turns a payload into a value.
   * @param format what the message says about its payload, empty on MQTT 3.1.1
   * @throws {CodecError} if the payload does not decode
   */
  decode(payload: Buffer, format: PayloadFormat): unknown;
}
