/** The name under which an agent sees a caller. */
const MAX_CHARACTERS = 64;

/** `<prefix> <display name or user>`, plain without a prefix, at most 64 characters, unquoted. */
export function agentSees(prefix: string, caller_display: string, caller_user: string): string {
  const name = caller_display === '' ? caller_user : caller_display;
  const full = prefix === '' ? name : `${prefix} ${name}`;
  // Cut between characters, never inside a surrogate pair.
  return full.length <= MAX_CHARACTERS ? full : Array.from(full).slice(0, MAX_CHARACTERS).join('');
}
