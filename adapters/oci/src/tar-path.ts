import { Buffer } from 'node:buffer';

import { tarEntryName } from '@holdfast/policy/layers';
import type { TarEntry } from '@holdfast/policy/layers';

/** `./etc//passwd` and `/etc/passwd` as `etc/passwd`; dot-dot cannot climb above the root. */
export function cleanTarPath(name: string): string {
  const parts: string[] = [];
  for (const part of name.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

/** A name as `TarReader` gives it, one character per byte, as text. */
export function tarNameText(name: string): string {
  return Buffer.from(name, 'latin1').toString('utf8');
}

/** Whether a member is a plain file. V7 archives write folders as files whose name ends with a slash. */
export function isTarFile(entry: TarEntry): boolean {
  const { typeflag } = entry.header;
  return '07S'.includes(typeflag) || (typeflag === '\0' && !tarEntryName(entry).endsWith('/'));
}
