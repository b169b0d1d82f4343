import fc from 'fast-check';
import { describe, test } from 'vitest';

import { PlatformError } from '@holdfast/base';

import { parseImageReference } from '../../src/images/image-reference.ts';

const component = fc.stringMatching(/^[a-z0-9]{1,8}(?:(?:\.|__?|-{1,3})[a-z0-9]{1,8}){0,2}$/);
const host = fc.oneof(
  fc.constant('localhost'),
  fc.stringMatching(/^[a-z0-9]{1,10}(?:\.[a-z0-9]{1,10}){1,3}$/),
  fc
    .tuple(fc.stringMatching(/^[a-z0-9.]{0,6}[a-z0-9]$/), fc.integer({ min: 1, max: 65_535 }))
    .map(([name, port]) => `${name.replace(/^\.+|\.{2,}/g, 'x')}:${port}`),
);
const tag = fc.stringMatching(/^\w[\w.-]{0,20}$/);
const digest = fc.stringMatching(/^[0-9a-f]{64}$/).map((hex) => `sha256:${hex}`);
const reference = fc
  .record({ host, path: fc.array(component, { minLength: 1, maxLength: 4 }), tag, digest }, { requiredKeys: ['path'] })
  .map((part) => {
    const path = part.path.join('/');
    // Without a host, a first component with a dot would be taken for one.
    const name = part.host === undefined ? path.replaceAll('.', '-') : `${part.host}/${path}`;
    return `${name}${part.tag === undefined ? '' : `:${part.tag}`}${part.digest === undefined ? '' : `@${part.digest}`}`;
  })
  .filter((text) => !/^(?:localhost|[0-9a-f]{64}$)/.test(text));

describe('parseImageReference, for any reference', () => {
  test('the canonical and the familiar spelling mean the same image', ({ expect }) => {
    fc.assert(
      fc.property(reference, (text) => {
        const parsed = parseImageReference(text);
        for (const spelling of [parsed.canonical, parsed.familiar]) {
          const again = parseImageReference(spelling);
          expect([again.host, again.apiHost, again.repository, again.tag, again.digest]).toEqual([
            parsed.host,
            parsed.apiHost,
            parsed.repository,
            parsed.tag,
            parsed.digest,
          ]);
        }
        expect(parsed.text).toBe(text);
      }),
    );
  });

  test('arbitrary text either parses or fails with one of our errors, in bounded time', ({ expect }) => {
    const pieces = fc.array(
      fc.constantFrom('a', '-', '_', '.', '/', ':', '@', 'A', '0', 'sha256:', '[', ']', '\0', 'é'),
      {
        maxLength: 600,
      },
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          pieces.map((parts) => parts.join('')),
        ),
        (text) => {
          try {
            const parsed = parseImageReference(text);
            expect(parsed.repository).toMatch(/^[a-z0-9]/);
          } catch (error) {
            expect(error).toBeInstanceOf(PlatformError);
          }
        },
      ),
    );
  });
});
