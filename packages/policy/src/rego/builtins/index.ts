import type { Builtin } from './builtin.ts';
import { collectionBuiltins } from './collections.ts';
import { comparisonBuiltins } from './comparison.ts';
import { encodingBuiltins } from './encoding.ts';
import { numberBuiltins } from './numbers.ts';
import { regexBuiltins } from './regex.ts';
import { stringBuiltins } from './strings.ts';
import { timeBuiltins } from './time.ts';
import { typeBuiltins } from './types.ts';
import { versionBuiltins } from './versions.ts';

/** Every built-in by its name in policies. */
export const builtins: ReadonlyMap<string, Builtin> = new Map(
  [
    collectionBuiltins,
    comparisonBuiltins,
    encodingBuiltins,
    numberBuiltins,
    regexBuiltins,
    stringBuiltins,
    timeBuiltins,
    typeBuiltins,
    versionBuiltins,
  ].flatMap((table) => Object.entries(table)),
);
