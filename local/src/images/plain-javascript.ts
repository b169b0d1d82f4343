import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import module from 'node:module';

import { toUtf8 } from '@holdfast/base';

/** Where code names another source of its own program: in imports and exports, and in URLs relative to itself. */
const NAMED_SOURCE = /(\b(?:from|import)\s*\(?\s*|\bnew URL\(\s*)(['"])([^'"\n]+)\.ts\2/g;
/** Where a package's manifest does. */
const MANIFEST_SOURCE = /"(\.\/[^"\n]+)\.ts"/g;
const OWN_CODE = /\.(?:ts|js|mjs)$/;

/** The name under which an image holds a file of this repository: a source with types becomes plain JavaScript. */
export function plainName(file: string): string {
  return file.replace(/\.ts$/, '.js');
}

/**
 * The bytes of a file of this repository as an image holds it. Types are taken out of a source by putting blanks in their place,
 * as Node does it when it runs the source itself, so every line and column stays where it is. Names of other sources, which
 * have as many letters, become those of their plain JavaScript.
 */
export function plainContent(file: string): Uint8Array {
  const bytes = readFileSync(file);
  if (file.endsWith('package.json')) return toUtf8(text(bytes).replace(MANIFEST_SOURCE, '"$1.js"'));
  if (!OWN_CODE.test(file)) return bytes;
  return toUtf8(plainJavaScript(file.endsWith('.ts') ? withoutTypes(text(bytes)) : text(bytes)));
}

function plainJavaScript(source: string): string {
  return source.replace(NAMED_SOURCE, '$1$2$3.js$2');
}

/** Node says once per process that its function may still change; the Node that builds images is pinned, so nobody needs to hear it. */
function withoutTypes(source: string): string {
  // oxlint-disable-next-line typescript/unbound-method -- put back as it was
  const { emitWarning } = process;
  process.emitWarning = () => undefined;
  try {
    return module.stripTypeScriptTypes(source);
  } finally {
    process.emitWarning = emitWarning;
  }
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}
