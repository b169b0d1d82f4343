import { Buffer } from 'node:buffer';

import { replaceUnpairedSurrogates } from '../identity/identity-hash.ts';

/** Quote, backslash and control characters: all that the reference escapes. */
// eslint-disable-next-line no-control-regex -- control characters are what is escaped
const ESCAPED = /["\\\u0000-\u001f]/g;

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '"': String.raw`\"`,
  '\\': String.raw`\\`,
  '\b': String.raw`\b`,
  '\t': String.raw`\t`,
  '\n': String.raw`\n`,
  '\f': String.raw`\f`,
  '\r': String.raw`\r`,
};

/**
 * What a client-side request authenticates beside its payload: UTF-8 of the compact JSON array `[timestamp]`, or
 * `[timestamp,"app name"]`. Both sides build it on their own, so its escaping is part of the format: minimal, control
 * characters as `\u00XX` with upper-case digits.
 */
export function clientSideAdditionalData(timestamp: bigint, appName: string | undefined): Uint8Array {
  const text = appName === undefined ? `[${timestamp}]` : `[${timestamp},"${escaped(appName)}"]`;
  return Buffer.from(text, 'utf8');
}

function escaped(text: string): string {
  return replaceUnpairedSurrogates(text).replace(ESCAPED, (character) => {
    const code = character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
    return SHORT_ESCAPES[character] ?? `\\u${code}`;
  });
}
