/** What a timer of Node's can wait: 24 days. */
export const MAX_DELAY_MS = 2 ** 31 - 1;
