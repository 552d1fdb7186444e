/** How many bytes the last one of these packets is short of what its Remaining Length says; infinitely many if it has none. */
export function missingBytes(packets: Buffer): number {
  let at = 0;
  while (at < packets.length) {
    const digits = packets.subarray(at + 1, at + 5);
    const last = digits.findIndex((digit) => digit < 0x80);
    if (last === -1) return digits.length === 4 ? 0 : Infinity; // no packet has more than four: it is unreadable
    const length = digits
      .subarray(0, last + 1)
      .reduce((total, digit, index) => total + (digit & 0x7f) * 0x80 ** index, 0);
    at += 1 + last + 1 + length;
  }
  return at - packets.length;
}
