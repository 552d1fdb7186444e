import { isUtf8 } from 'node:buffer';

/** Where a requester waits, and how it knows its reply. */
export type ReplyAddress = (
  | { readonly form: 'mqtt5'; readonly topic: string; readonly correlationData: Buffer | undefined }
  | { readonly form: 'envelope'; readonly topic: string; readonly id: string }
) & {
  /** Whether the replies are to say who answers. */
  readonly namesResponder: boolean;
};

/** For who is told of a request. */
export function describeReplyAddress(address: ReplyAddress): { topic: string; id: string | undefined } {
  const { topic } = address;
  if (address.form === 'envelope') return { topic, id: address.id };
  const { correlationData } = address;
  return { topic, id: correlationData?.toString(isUtf8(correlationData) ? 'utf8' : 'hex') };
}
