/** Where a requester waits, and how it knows its reply. */
export type ReplyAddress = (
  | { readonly form: 'mqtt5'; readonly topic: string; readonly correlationData: Buffer | undefined }
  | { readonly form: 'envelope'; readonly topic: string; readonly id: string }
) & {
  /** Whether the replies are to say who answers. */
  readonly namesResponder: boolean;
};
