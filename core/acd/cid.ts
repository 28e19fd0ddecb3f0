/** Numbers of calls in cc_cdrs: 1 to 2^31 - 1, as much as the column holds, and then from 1 again. */
const MAX_CID = 2 ** 31 - 1;

/** The number given out after that one. */
export function cidAfter(cid: number): number {
  return cid >= MAX_CID ? 1 : cid + 1;
}

/** What is given out next: `next`, unless it or a later number is in use. @param used one that is */
export function nextCid(next: number, used: number): number {
  const older = (used - next + MAX_CID) % MAX_CID >= MAX_CID / 2;
  return older ? next : cidAfter(used);
}
