const SHARED = /^\$share\/([^/]+)\/(.*)$/;

/** What happens where the broker does not say which of two overlapping filters a message is for. */
export function describeOverlap([one, other]: readonly [string, string]): string {
  const [group, otherGroup] = [groupOf(one), groupOf(other)];
  if (group === otherGroup)
    return `a message for both "${one}" and "${other}" may come twice, and be handled twice`;
  const [shared, plain] = group === undefined ? [other, one] : [one, other];
  return (
    `the copy for "${plain}" goes to every member of the group "${group ?? otherGroup}" of "${shared}", ` +
    'so that the shared handler runs in every member, not in one'
  );
}

function groupOf(filter: string): string | undefined {
  return SHARED.exec(filter)?.[1];
}
