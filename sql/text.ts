/** Text from outside made fit for a column: the width in characters, no NUL, no broken Unicode. */

const REPLACEMENT = '\ufffd';

/**
 * `text` as a column of `width` characters (code points, as PostgreSQL counts) can hold it: cut, without
 * NUL, each half of a broken surrogate pair replaced by U+FFFD. Text that is fine comes back as it is.
 */
export function fit(text: string, width: number): string {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === 0 || (unit >= 0xd800 && unit <= 0xdfff)) return repair(text, width);
  }
  return text.length > width ? text.slice(0, width) : text;
}

function repair(text: string, width: number): string {
  let out = '';
  let characters = 0;
  // Iterating gives whole pairs, and a lone surrogate as itself.
  for (const character of text) {
    if (characters >= width) break;
    if (character === '\0') continue;
    const unit = character.charCodeAt(0);
    out += character.length === 1 && unit >= 0xd800 && unit <= 0xdfff ? REPLACEMENT : character;
    characters++;
  }
  return out;
}

/** `name` as an SQL identifier: whatever it holds stays one name. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
