/** name-addr and addr-spec with their parameters: From, To, Contact, Route and their like (RFC 3261 20.10, 25.1). */

export interface NameAddr {
  /** Byte string, unquoted and unescaped; '' when there is none. */
  display: string;
  uri: string;
  /** As it came, starting with `;`, or ''. */
  params: string;
  /** The tag parameter, or ''. */
  tag: string;
}

/** Undefined when the value has no URI, or a quote or angle bracket that does not close. */
export function parseNameAddr(value: string): NameAddr | undefined {
  let display = '';
  let rest = value;
  if (value.startsWith('"')) {
    const end = closingQuote(value, 0);
    if (end < 0) return undefined;
    display = unquote(value.slice(1, end));
    rest = value.slice(end + 1);
  }
  const open = rest.indexOf('<');
  if (open < 0) {
    if (display !== '') return undefined;
    // Without angle brackets every parameter is the header's (20.10).
    const semicolon = rest.indexOf(';');
    const uri = (semicolon < 0 ? rest : rest.slice(0, semicolon)).trim();
    if (uri === '') return undefined;
    return withParams('', uri, semicolon < 0 ? '' : rest.slice(semicolon));
  }
  const close = rest.indexOf('>', open);
  if (close < 0) return undefined;
  if (display === '') display = rest.slice(0, open).trim();
  const uri = rest.slice(open + 1, close).trim();
  if (uri === '') return undefined;
  const semicolon = rest.indexOf(';', close);
  return withParams(display, uri, semicolon < 0 ? '' : rest.slice(semicolon));
}

function withParams(display: string, uri: string, params: string): NameAddr {
  return { display, uri, params, tag: params === '' ? '' : (headerParam(params, 'tag') ?? '') };
}

/** `"display" <uri>params`, the name quoted and escaped, control characters left out. */
export function formatNameAddr(display: string, uri: string, params = ''): string {
  const name = display === '' ? '' : `${quote(display)} `;
  return `${name}<${uri}>${params}`;
}

function quote(text: string): string {
  let quoted = '"';
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code === 0x7f) continue;
    quoted += code === 0x22 || code === 0x5c ? `\\${text[i]}` : text[i];
  }
  return `${quoted}"`;
}

function unquote(text: string): string {
  if (!text.includes('\\')) return text;
  let plain = '';
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\' && i + 1 < text.length) i++;
    plain += text[i];
  }
  return plain;
}

/** Position of the quote that closes the one at `open`, or -1. */
export function closingQuote(text: string, open: number): number {
  for (let i = open + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x5c) i++;
    else if (code === 0x22) return i;
  }
  return -1;
}

/** Value of a parameter in `;a=b;c`, '' for one without value, undefined when it is not there. `name` in lower case. */
export function headerParam(params: string, name: string): string | undefined {
  let at = 0;
  while (at < params.length) {
    if (params.charCodeAt(at) !== 0x3b) {
      at++;
      continue;
    }
    let start = at + 1;
    while (start < params.length && params.charCodeAt(start) <= 0x20) start++;
    let end = start;
    while (end < params.length && !isParamNameEnd(params.charCodeAt(end))) end++;
    const matches = end - start === name.length && equalsIgnoringCase(params, start, name);
    while (end < params.length && params.charCodeAt(end) <= 0x20) end++;
    if (params.charCodeAt(end) !== 0x3d) {
      if (matches) return '';
      at = end;
      continue;
    }
    let valueStart = end + 1;
    while (valueStart < params.length && params.charCodeAt(valueStart) <= 0x20) valueStart++;
    let valueEnd = valueStart;
    if (params.charCodeAt(valueStart) === 0x22) {
      const close = closingQuote(params, valueStart);
      if (close < 0) return undefined;
      if (matches) return unquote(params.slice(valueStart + 1, close));
      valueEnd = close + 1;
    } else {
      while (valueEnd < params.length && params.charCodeAt(valueEnd) !== 0x3b) valueEnd++;
      if (matches) return params.slice(valueStart, valueEnd).trimEnd();
    }
    at = valueEnd;
  }
  return undefined;
}

function isParamNameEnd(code: number): boolean {
  return code <= 0x20 || code === 0x3b || code === 0x3d;
}

/** `name` is in lower case. */
export function equalsIgnoringCase(text: string, start: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const code = text.charCodeAt(start + i);
    const wanted = name.charCodeAt(i);
    if (code !== wanted && (code < 65 || code > 90 || code + 32 !== wanted)) return false;
  }
  return true;
}

/** Splits a comma list; commas inside quotes and angle brackets belong to their element. Empty elements are left out. */
export function splitList(value: string): string[] {
  if (!value.includes(',')) return value === '' ? [] : [value];
  const elements: string[] = [];
  let start = 0;
  let inAngle = false;
  for (let i = 0; i <= value.length; i++) {
    const code = i < value.length ? value.charCodeAt(i) : 0x2c;
    if (code === 0x22 && !inAngle) {
      const close = closingQuote(value, i);
      i = close < 0 ? value.length - 1 : close;
    } else if (code === 0x3c) inAngle = true;
    else if (code === 0x3e) inAngle = false;
    else if (code === 0x2c && (!inAngle || i === value.length)) {
      const element = value.slice(start, i).trim();
      if (element !== '') elements.push(element);
      start = i + 1;
    }
  }
  return elements;
}
