import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';

import { generateSimulatedPlatformKeys, parseSnpCertificateTable } from '../../src/index.ts';
import { codeOf, makeChain } from '../support/chain.ts';
import { fromBase64Text } from '../support/vectors.ts';

const VCEK = '63da758de6644564adc5f4b93be8accd';
const ASK = '4ab7b379bbac4fe4a02f05aef327c782';
const UNKNOWN = '92f81bc358114d3d97ffd19f88dc67ea';

let leaf: Uint8Array;
let issuer: Uint8Array;

beforeAll(async () => {
  const chain = makeChain(await generateSimulatedPlatformKeys({ rsaModulusLength: 2048 }));
  leaf = chain.vcek.der;
  issuer = chain.ask.der;
});

function table(entries: readonly (readonly [string, Uint8Array, number?])[], closed = true): Uint8Array {
  const header = entries.length * 24 + (closed ? 24 : 0);
  const size = entries.reduce((sum, [, content]) => sum + content.length, header);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  let offset = header;
  for (const [index, [guid, content, at]] of entries.entries()) {
    bytes.set(fromBase64Text(guid, 'hex'), index * 24);
    view.setUint32(index * 24 + 16, at ?? offset, true);
    view.setUint32(index * 24 + 20, content.length, true);
    bytes.set(content, offset);
    offset += content.length;
  }
  return bytes;
}

function codeOfTable(bytes: Uint8Array): string {
  return codeOf(() => parseSnpCertificateTable(bytes, 'vcek'));
}

describe('parseSnpCertificateTable', () => {
  it('takes the entries of a chain and skips what it does not know', () => {
    const bytes = table([
      [VCEK, leaf],
      [UNKNOWN, Uint8Array.of(1, 2, 3)],
      [ASK, issuer],
    ]);
    expect(parseSnpCertificateTable(bytes, 'vcek').map(({ der }) => der)).toEqual([leaf, issuer]);
    expect(parseSnpCertificateTable(bytes, 'vlek').map(({ der }) => der)).toEqual([issuer]);
  });

  it('refuses offsets beyond the end or into the header, a missing end, doubled and too many entries', () => {
    expect(codeOfTable(table([[VCEK, leaf, 1_000_000]]))).toBe('SNP_CERTIFICATE_TABLE_INVALID');
    expect(codeOfTable(table([[VCEK, leaf, 0]]))).toBe('SNP_CERTIFICATE_TABLE_INVALID');
    expect(codeOfTable(table([[VCEK, new Uint8Array()]], false))).toBe('SNP_CERTIFICATE_TABLE_INVALID');
    expect(codeOfTable(table(Array.from({ length: 2 }, () => [VCEK, leaf] as const)))).toBe(
      'SNP_CERTIFICATE_TABLE_INVALID',
    );
    expect(codeOfTable(new Uint8Array(24 * 20).fill(1))).toBe('SNP_CERTIFICATE_TABLE_INVALID');
  });

  it('lets only our errors escape, whatever bytes come in', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(codeOfTable(bytes)).toMatch(/^(?:SNP_CERTIFICATE_TABLE_INVALID|nothing)$/);
      }),
    );
  });
});
