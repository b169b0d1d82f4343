import { PlatformError } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { kindOf } from '../../src/policy/document-kind.ts';
import { findPolicies } from '../../src/policy/found-policies.ts';

const POLICY = 'package policy\n\napi_version := "0.10.0"\n';
const BASE64 = Buffer.from(POLICY).toString('base64');

describe('kindOf', () => {
  it.each([
    ['policy', POLICY],
    ['policy', `# a comment\n\n${POLICY}`],
    ['policy', `\uFEFF${POLICY}`],
    ['base64', `${BASE64}\n`],
    ['arm', '{"resources": []}'],
    ['arm', '/* made by hand */ {"Resources": [ // none\n]}'],
    ['manifests', '# comment\n---\napiVersion: v1\nkind: Pod\n'],
    ['manifests', '{"apiVersion": "v1", "kind": "Pod"}'],
    ['config', '{"version": "1.0", "containers": []}'],
    ['container-definitions', '[{"layers": []}]'],
    ['recording', '{"steps": []}'],
    ['recording', '[{"kind": "CreateSandboxRequest"}]'],
    ['initdata', 'version = "0.1.0"\nalgorithm = "sha256"\n\n[data]\n'],
    ['unknown', 'hello'],
    ['unknown', '[1, 2]'],
    ['unknown', '{'],
    ['unknown', ''],
  ])('tells %s', (kind, text) => {
    expect(kindOf(text)).toBe(kind);
  });

  it('takes linear time for long runs of blanks, comments and letters', () => {
    for (const text of [' \n', '#\n', '\t', 'a', 'a\n', '//', 'kind ']) kindOf(`${text.repeat(500_000)}!`);
  });
});

describe('findPolicies', () => {
  it('lets only typed errors escape, whatever the text', () => {
    const starts = [
      '',
      '{',
      '[',
      'package ',
      'version = "',
      'kind: Pod\nspec:\n',
      BASE64,
      '{"resources": [',
      'H4sIAAAAAAAA',
    ];
    const texts = fc.tuple(fc.constantFrom(...starts), fc.string({ unit: 'binary', maxLength: 200 }));
    fc.assert(
      fc.property(texts, ([start, rest]) => {
        try {
          findPolicies({ name: 'input', text: start + rest });
        } catch (cause) {
          expect(cause).toBeInstanceOf(PlatformError);
        }
      }),
    );
  });

  it('lets only typed errors escape for a policy that was cut anywhere', () => {
    for (let length = 1; length < BASE64.length; length += 1) {
      try {
        findPolicies({ name: 'input', text: BASE64.slice(0, length) });
      } catch (cause) {
        expect(cause).toBeInstanceOf(PlatformError);
      }
    }
  });

  it('refuses nesting beyond reason', () => {
    const deep = '['.repeat(200_000) + ']'.repeat(200_000);
    expect(() => findPolicies({ name: 'input', text: `{"resources": ${deep}}` })).toThrow(
      /MANIFEST_TOO_DEEP|deep|nest/u,
    );
    expect(() => findPolicies({ name: 'input', text: `kind: Pod\nspec: ${deep}` })).toThrow(/deep|nest/u);
  });
});
