import { fromUtf8, MalformedError } from '@holdfast/base';

import type { ManifestLimits } from './limits.ts';

/**
 * The text of a manifest or template that came as bytes or as text, within the size limit. A byte order mark stays part
 * of the text.
 * @throws MalformedError MANIFEST_TOO_LARGE, MANIFEST_ENCODING_INVALID
 */
export function manifestText(input: string | Uint8Array, limits: ManifestLimits): string {
  if (input.length > limits.maxBytes) {
    throw new MalformedError('MANIFEST_TOO_LARGE', `the input is larger than ${limits.maxBytes} bytes`, {
      details: { maxBytes: limits.maxBytes },
    });
  }
  if (typeof input === 'string') {
    // Half a surrogate pair has no UTF-8 form: such a text cannot have come from a file.
    if (!input.isWellFormed())
      throw new MalformedError('MANIFEST_ENCODING_INVALID', 'the input is not well-formed Unicode');
    return input;
  }
  try {
    return fromUtf8(input);
  } catch (cause) {
    throw new MalformedError('MANIFEST_ENCODING_INVALID', 'the input is not well-formed UTF-8', { cause });
  }
}

/** Line, from 1, of an offset. */
export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) line += 1;
  return line;
}

/** The line ending that a text uses: that of its first line. */
export function lineEnding(text: string): '\n' | '\r\n' {
  const first = text.indexOf('\n');
  return first > 0 && text[first - 1] === '\r' ? '\r\n' : '\n';
}

/** Sets a member of a plain object, whatever its name: `__proto__` becomes a member like any other. */
export function setOwn(target: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__') {
    Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
  } else {
    target[name] = value;
  }
}

/** One replacement of the characters from `start` (inclusive) to `end` (exclusive). */
export interface TextEdit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Applies edits that do not overlap, in any order; two insertions at one place keep their order. */
export function applyEdits(text: string, edits: readonly TextEdit[]): string {
  const ordered = edits.toSorted((a, b) => a.start - b.start);
  const parts: string[] = [];
  let at = 0;
  for (const edit of ordered) {
    parts.push(text.slice(at, edit.start), edit.text);
    at = edit.end;
  }
  parts.push(text.slice(at));
  return parts.join('');
}
