import { readFileSync } from 'node:fs';
import module from 'node:module';

/** Where code names another source in an import. */
const NAMED_SOURCE = /(\bfrom\s+')([^'\n]+)\.ts'/g;

/** The name of a source as plain JavaScript. */
export function plainName(source: string): string {
  return source.replace(/\.ts$/, '.js');
}

/**
 * A source of this repository as plain JavaScript. Types are taken out by putting blanks in their place, as Node does it when it runs the
 * source itself, so every line and column stays where it is. Names of other sources, which have as many letters, become those of
 * their plain JavaScript.
 */
export function plainJavaScript(file: string): string {
  return withoutTypes(readFileSync(file, 'utf8')).replace(NAMED_SOURCE, "$1$2.js'");
}

/** Node says once per process that its function may still change; the Node that runs this is pinned, so nobody needs to hear it. */
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
