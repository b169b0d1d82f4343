/** Tables by name, the top level as '', each a map of keys to texts. */
export type SimpleToml = ReadonlyMap<string, ReadonlyMap<string, string>>;

type Fail = (message: string) => Error;

/**
 * Reads the part of TOML that initdata documents use: tables one level deep, bare and quoted keys, and the four kinds of strings.
 * Anything else is refused through `fail`. Time is linear in the length of the text.
 * @see TOML 1.0.0
 */
export function parseSimpleToml(text: string, fail: Fail): SimpleToml {
  const tables = new Map<string, Map<string, string>>([['', new Map()]]);
  let table = tables.get('') ?? new Map<string, string>();
  const source = text.replaceAll('\r\n', '\n');
  let at = 0;
  while (at < source.length) {
    const end = lineEnd(source, at);
    const line = source.slice(at, end).trim();
    if (line === '' || line.startsWith('#')) {
      at = end + 1;
      continue;
    }
    const header = /^\[([A-Za-z0-9_-]+)\](?:\s*#.*)?$/u.exec(line)?.[1];
    if (header !== undefined) {
      if (tables.has(header)) throw fail(`The table ${header} occurs twice.`);
      table = new Map();
      tables.set(header, table);
      at = end + 1;
      continue;
    }
    const key = /^[ \t]*(?:([A-Za-z0-9_-]+)|"([^"\\\n]*)"|'([^'\n]*)')[ \t]*=[ \t]*/u.exec(source.slice(at, end));
    if (key === null) throw fail(`The line "${line.slice(0, 80)}" is neither a table nor a key with a text.`);
    const name = key[1] ?? key[2] ?? key[3] ?? '';
    if (table.has(name)) throw fail(`The key ${name} occurs twice.`);
    const value = readString(source, at + key[0].length, fail);
    table.set(name, value.text);
    const rest = source.slice(value.end, lineEnd(source, value.end)).trim();
    if (rest !== '' && !rest.startsWith('#')) throw fail(`Something follows the value of ${name} on its line.`);
    at = lineEnd(source, value.end) + 1;
  }
  return tables;
}

function lineEnd(source: string, from: number): number {
  const end = source.indexOf('\n', from);
  return end === -1 ? source.length : end;
}

function readString(source: string, at: number, fail: Fail): { text: string; end: number } {
  for (const quote of ["'''", '"""', "'", '"']) {
    if (!source.startsWith(quote, at)) continue;
    const long = quote.length === 3;
    const basic = quote.startsWith('"');
    let start = at + quote.length;
    if (long && source[start] === '\n') start += 1;
    const close = closing(source, start, quote, basic);
    if (close === -1) throw fail('A text has no end.');
    const raw = source.slice(start, close);
    if (!long && raw.includes('\n')) throw fail('A text on one line has no end.');
    return { text: basic ? unescapeBasic(raw, long, fail) : raw, end: close + quote.length };
  }
  throw fail('A value is not a text in quotes.');
}

function closing(source: string, start: number, quote: string, basic: boolean): number {
  if (!basic) return source.indexOf(quote, start);
  for (let at = start; at < source.length; at += 1) {
    if (source[at] === '\\') at += 1;
    else if (source.startsWith(quote, at)) return at;
  }
  return -1;
}

const escapes: Readonly<Record<string, string>> = { b: '\b', t: '\t', n: '\n', f: '\f', r: '\r', '"': '"', '\\': '\\' };

function unescapeBasic(raw: string, long: boolean, fail: Fail): string {
  const folded = long ? raw.replaceAll(/(?<!\\)((?:\\\\)*)\\[ \t]*\n[ \t\n]*/gu, '$1') : raw;
  return folded.replaceAll(
    /\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.)|$)/gsu,
    (whole, u4?: string, u8?: string, short?: string) => {
      const code = u4 ?? u8;
      if (code !== undefined) {
        const point = Number.parseInt(code, 16);
        if (point > 0x10_ffff || (point >= 0xd800 && point <= 0xdfff)) throw fail(`${whole} is not a character.`);
        return String.fromCodePoint(point);
      }
      const plain = short === undefined ? undefined : escapes[short];
      if (plain === undefined) throw fail(`${whole} is not an escape.`);
      return plain;
    },
  );
}
