import { PlatformError } from '@holdfast/base';
import fc from 'fast-check';
import { describe, it } from 'vitest';

import { tarEntryLinkname, tarEntryName, TarReader } from '../../src/layers/index.ts';
import { makeTar } from './tar-builder.ts';

const BLOCK = 512;

interface Members {
  readonly entries: readonly (readonly [name: string, contentPosition: number, storedSize: number])[];
  readonly contentBytes: number;
  readonly refused?: string;
}

/** Reads an archive block by block, over its content when `seeks` holds. */
function read(tar: Uint8Array, seeks: boolean): Members {
  const entries: Members['entries'][number][] = [];
  let contentBytes = 0;
  const reader = new TarReader({
    entry: (entry) => entries.push([tarEntryName(entry), entry.contentPosition, entry.storedSize]),
    content: (bytes) => (contentBytes += bytes.length),
    hole: (length) => (contentBytes += length),
  });
  try {
    let at = 0;
    while (at + BLOCK <= tar.length && !reader.ended) {
      reader.push(tar.subarray(at, at + BLOCK));
      at += BLOCK + (seeks ? reader.skipContent() : 0);
    }
    reader.finish();
  } catch (error) {
    if (error instanceof PlatformError) return { entries, contentBytes, refused: error.code };
    throw error;
  }
  return { entries, contentBytes };
}

const name = fc.stringMatching(/^[a-z/]{1,12}$/u);
const member = fc.record({
  name,
  typeflag: fc.constantFrom('0', '\0', '5', 'g', '2'),
  content: fc.nat(1600).map((length) => 'x'.repeat(length)),
  pax: fc.option(fc.record({ path: fc.stringMatching(/^[a-z]{1,700}$/u) }), { nil: undefined }),
});

describe('TarReader.skipContent', () => {
  it('finds the same members at the same places as reading everything, and hands out no content', ({ expect }) => {
    fc.assert(
      fc.property(fc.array(member, { maxLength: 6 }), (members) => {
        const tar = makeTar(
          ...members.map(({ pax, typeflag, content, ...rest }) => ({
            ...rest,
            typeflag,
            content: typeflag === '0' || typeflag === '\0' ? content : '',
            ...(pax === undefined && typeflag !== 'g' ? {} : { pax: pax ?? { comment: 'c' } }),
          })),
        );
        const whole = read(tar, false);
        expect(whole.refused).not.toBe('LAYER_TAR_TRUNCATED');
        expect(read(tar, true)).toEqual({ ...whole, contentBytes: 0 });
      }),
    );
  });
});

describe('tarEntryName', () => {
  it('prefers what extended headers say, one character per byte', ({ expect }) => {
    const names: string[] = [];
    const reader = new TarReader({
      entry: (entry) => names.push(tarEntryName(entry), tarEntryLinkname(entry)),
      content: () => undefined,
      hole: () => undefined,
    });
    reader.push(makeTar({ name: 'short', typeflag: '2', linkname: 'near', pax: { path: 'é', linkpath: 'far' } }));
    reader.finish();
    expect(names).toEqual([Buffer.from('é').toString('latin1'), 'far']);
  });
});
