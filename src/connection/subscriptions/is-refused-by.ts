import type { SubscriptionError } from '../../errors.js';
import { TopicFilter } from '../../topic/topic-filter.js';

/** Whether a filter, or one that covers it, is among those that the broker refused. */
export function isRefusedBy({ refused }: SubscriptionError, filter: TopicFilter): boolean {
  return refused
    .map((refusal) => TopicFilter.parse(refusal.filter))
    .some((other) => other.shareName === filter.shareName && other.covers(filter));
}
