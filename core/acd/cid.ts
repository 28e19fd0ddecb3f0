/** Numbers of calls in cc_cdrs: 1 to 2^31 - 1, as much as the column holds, and then from 1 again. */
const MAX_CID = 2 ** 31 - 1;

/** The number given out after that one. */
export function cidAfter(cid: number): number {
  return cid >= MAX_CID ? 1 : cid + 1;
}

/** Whether a number in use is given out later than `next`, or is it, and no older one. */
export function isCidFrom(cid: number, next: number): boolean {
  return (cid - next + MAX_CID) % MAX_CID < MAX_CID / 2;
}
