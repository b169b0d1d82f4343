import { toBase64, toHex } from '@holdfast/base';
import { loadVectors } from '@holdfast/base/testing';
import { describe, expect, it } from 'vitest';

import {
  decodeInitdata,
  effectiveInitdata,
  encodeInitdata,
  initdataDigest,
  initdataPcr8,
  measureInitdata,
  parseInitdata,
  PLACEHOLDER_INITDATA,
} from '../src/index.ts';

interface Expected {
  readonly toml?: string;
  readonly digest_hex?: string;
  readonly snp_host_data_hex?: string;
  readonly snp_host_data_b64?: string;
  readonly tdx_mrconfigid_hex?: string;
  readonly pcr8_hex?: string;
  readonly kata_go_runtime?: string;
  readonly toml_sha256?: string;
  readonly effective?: string;
}

interface Case {
  readonly id: string;
  readonly input: {
    readonly toml?: string;
    readonly annotation_b64?: string;
    readonly annotation?: string;
    readonly derived_from?: string;
    readonly ref?: string;
    readonly digest_hex?: string | null;
    readonly pod_annotation?: string | null;
    readonly peer_pods_cm_INITDATA?: string | null;
  };
  readonly expect: Expected;
}

const vectors = loadVectors('trustee.json') as
  | { readonly groups: Readonly<Record<string, readonly Case[]>> }
  | undefined;

function group(name: string): readonly Case[] {
  return vectors?.groups[name] ?? [];
}

/** Undefined for a document that the vectors only name. */
function documentOf({ input }: Case): string | undefined {
  if (input.annotation_b64 !== undefined) return decodeInitdata(input.annotation_b64).document;
  if (input.derived_from === undefined) return input.toml;
  const from = group('initdata').find(({ id }) => id === input.derived_from);
  return from?.input.toml?.replace(/\n$/u, '');
}

describe.skipIf(vectors === undefined)('known answers for initdata', () => {
  const documents = group('initdata').filter((known) => documentOf(known) !== undefined);

  it('covers every document of the vectors but the one that is only named', () => {
    expect(documents).toHaveLength(group('initdata').length - 1);
    expect(documents.length).toBeGreaterThan(6);
  });

  it.each(documents.map((known) => [known.id, known] as const))('measures %s', (_, known) => {
    const document = documentOf(known) ?? '';
    const measured = measureInitdata(document);
    const { expect: expected } = known;
    if (expected.toml !== undefined) expect(document).toBe(expected.toml);
    expect(toHex(measured.digest)).toBe(expected.digest_hex);
    expect(toHex(measured.hostData)).toBe(expected.snp_host_data_hex);
    expect(toBase64(measured.hostData)).toBe(expected.snp_host_data_b64);
    expect(toHex(measured.mrConfigId)).toBe(expected.tdx_mrconfigid_hex);
    expect(toHex(measured.pcr8)).toBe(expected.pcr8_hex);
  });

  it('writes the placeholder that guests write', () => {
    const known = group('initdata').find(({ id }) => id === 'initdata-peerpods-placeholder');
    expect(PLACEHOLDER_INITDATA).toBe(known?.input.toml);
  });

  it.each(group('pcr8').map((known) => [known.id, known] as const))('extends PCR 8 as in %s', (_, known) => {
    const { digest_hex: digest } = known.input;
    const bytes = typeof digest === 'string' ? new Uint8Array(Buffer.from(digest, 'hex')) : undefined;
    expect(toHex(initdataPcr8(bytes))).toBe(known.expect.pcr8_hex);
  });
});

describe.skipIf(vectors === undefined)('known failures of initdata', () => {
  const codes: Readonly<Record<string, string>> = {
    'fail-not-base64': 'INITDATA_BASE64_INVALID',
    'fail-not-gzip': 'INITDATA_GZIP_INVALID',
    'fail-bad-toml': 'INITDATA_TOML_INVALID',
    'fail-bad-version': 'INITDATA_VERSION_UNSUPPORTED',
    'empty-annotation': 'INITDATA_EMPTY',
  };
  const failures = group('initdata_failures');

  it.each(failures.filter(({ id }) => id in codes).map((known) => [known.id, known] as const))(
    'refuses %s and names the stage',
    (id, known) => {
      const read = (): unknown => parseInitdata(decodeInitdata(known.input.annotation ?? '').document);
      expect(read).toThrow(expect.objectContaining({ code: codes[id] }));
    },
  );

  it('takes wrapped Base64 and notes it', () => {
    const known = failures.find(({ id }) => id === 'wrapped-base64-accepted');
    const { document, notes } = decodeInitdata(known?.input.annotation ?? '');
    expect(toHex(initdataDigest(document, 'sha256'))).toBe(known?.expect.toml_sha256);
    expect(notes).toEqual(['base64-wrapped']);
  });

  it('knows every case', () => {
    expect(failures.map(({ id }) => id).filter((id) => !(id in codes))).toEqual(['wrapped-base64-accepted']);
  });
});

describe.skipIf(vectors === undefined)('known precedence of initdata', () => {
  const aaOnly = group('initdata').find(({ id }) => id === 'initdata-aa-only-sha256')?.input.toml ?? '';
  const full = group('initdata').find(({ id }) => id === 'initdata-full-sha256')?.input.toml ?? '';
  const named = new Map([
    ['<A>', aaOnly],
    ['<B>', full],
    ['placeholder', PLACEHOLDER_INITDATA],
  ]);

  it.each(group('initdata_precedence').map((known) => [known.id, known] as const))('holds in %s', (_, known) => {
    const { pod_annotation: annotation, peer_pods_cm_INITDATA: global } = known.input;
    const { document } = effectiveInitdata({
      annotation: typeof annotation === 'string' ? encodeInitdata(named.get(annotation) ?? '') : undefined,
      global: typeof global === 'string' ? encodeInitdata(named.get(global) ?? '') : undefined,
    });
    expect(document).toBe(named.get(known.expect.effective ?? ''));
    if (known.expect.pcr8_hex !== undefined) {
      expect(toHex(measureInitdata(document).pcr8)).toBe(known.expect.pcr8_hex);
    }
  });
});
