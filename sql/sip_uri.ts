/** Whether a provisioned text can be a SIP URI (RFC 3261, section 19.1.1), before anything dials it. */

const TOP =
  /^sips?:(?:[^\s@<>"]+@)?(\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_.])?)(?::(\d{1,5}))?(?:;[^\s<>"?]*)?(?:\?[^\s<>"]*)?$/i;

/** True for `sip:` and `sips:` URIs with a host, bare (no display name, no angle brackets). */
export function isSipUri(text: string): boolean {
  const match = TOP.exec(text);
  if (!match) return false;
  const port = match[2];
  return port === undefined || (Number(port) > 0 && Number(port) <= 65_535);
}
