import { MalformedError } from '@holdfast/base';

import type { InitdataAlgorithm } from './algorithm.ts';
import { INITDATA_VERSION, parseInitdata } from './document.ts';

export interface InitdataContents {
  /** sha256 unless another is wanted; Azure measures no more than 32 bytes. */
  readonly algorithm?: InitdataAlgorithm;
  /** Contents by file name; their order does not matter. */
  readonly data: ReadonlyMap<string, string>;
}

/**
 * Writes a document: version, algorithm, an empty line, and the entries sorted by name. The same contents give the same bytes,
 * and reading them gives the same contents. Texts stand as they are in literal strings, so that people can read
 * them; a text that a literal string cannot hold is written with escapes.
 * @throws MalformedError INITDATA_ENTRY_INVALID for a text that no TOML string can hold, INITDATA_TOO_LARGE
 */
export function buildInitdata(contents: InitdataContents): string {
  const entries = [...contents.data].toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const lines = entries.map(([name, text]) => {
    if (!name.isWellFormed() || !text.isWellFormed()) {
      throw new MalformedError(
        'INITDATA_ENTRY_INVALID',
        `the entry ${JSON.stringify(name)} is not well-formed Unicode`,
      );
    }
    return `${quoted(name)} = ${fitsLiteral(text) ? `'''\n${text}'''` : escapedBlock(text)}\n`;
  });
  const head = `version = "${INITDATA_VERSION}"\nalgorithm = "${contents.algorithm ?? 'sha256'}"\n`;
  const document = `${head}\n[data]\n${lines.join('')}`;
  parseInitdata(document);
  return document;
}

/**
 * Control characters cannot stand in a literal string, three quotes would end it, and a quote before the end is read in two ways
 * by parsers in use. A carriage return could, but checkouts and editors change it, and with it the digest.
 */
function fitsLiteral(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- these are the characters that TOML excludes
  return !/'''|'$|[\u0000-\u0008\u000b-\u001f\u007f]/u.test(text);
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '\b': '\\b',
  '\f': '\\f',
  '\r': '\\r',
  '"': '\\"',
  '\\': '\\\\',
};

function escapedBlock(text: string): string {
  return `"""\n${escaped(text)}"""`;
}

function quoted(name: string): string {
  return `"${escaped(name).replaceAll('\n', '\\n')}"`;
}

function escaped(text: string): string {
  // oxlint-disable-next-line no-control-regex -- these are the characters that TOML excludes
  return text.replaceAll(/["\\\u0000-\u0008\u000b-\u001f\u007f]/gu, (character) => {
    const code = character.charCodeAt(0).toString(16).padStart(4, '0');
    return SHORT_ESCAPES[character] ?? `\\u${code}`;
  });
}
