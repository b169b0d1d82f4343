import type { FragmentImport, VerifiedFragment } from '@holdfast/policy';

import type { CliIo } from '../context.ts';
import { say, sayLines } from './terminal.ts';

/** A fragment whose signature holds, and the import that admits it from its present version on. */
export function sayFragment(io: CliIo, file: string, fragment: VerifiedFragment, admitted: FragmentImport): void {
  say(io, `${file}: fragment ${fragment.document.package}, signed`);
  say(io, `  issuer   ${fragment.issuer}`);
  say(io, `  feed     ${fragment.feed}`);
  say(io, `  version  ${fragment.svn ?? 'none'}`);
  say(io);
  say(io, 'Import for --fragments-json of the policies that are to admit it:');
  sayLines(io, JSON.stringify([admitted], undefined, 2), '  ');
}
