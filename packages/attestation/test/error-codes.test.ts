import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

import { errorCodes } from '../src/index.ts';

const source = fileURLToPath(new URL('../src', import.meta.url));
const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(
  (name) => name.endsWith('.ts') && !name.endsWith('error-codes.ts'),
);
const text = files.map((name) => readFileSync(join(source, name), 'utf8')).join('\n');
/** Codes written out in the sources. */
const used = new Set(
  [...text.matchAll(/'((?:X509|EAR|SNP|UVM|VTPM|DID|CBOR|MAA|ATTESTATION|SIMULATED|SIGNING)_[A-Z0-9_]+)'/g)].map(
    ([, code]) => code,
  ),
);

describe('error codes', () => {
  it('are registered when they are used, and used when they are registered', () => {
    expect(used).toEqual(new Set(Object.keys(errorCodes)));
  });
});
