import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { loadVectors, vectorsFolder } from '@holdfast/base/testing';
import { describe, expect, it } from 'vitest';

import { type CceGenerationLabel, type CceOptions, generateCce } from '../../src/cce/index.ts';
import { sampleImages } from './support.ts';

interface AciCase {
  readonly id: string;
  readonly kind: string;
  readonly input: string;
  readonly parameters: string | null;
  readonly published: {
    readonly generation: CceGenerationLabel;
    readonly infrastructureSvn: string;
    readonly variants: Record<
      string,
      { options: CceOptions; expected: { file: string; sha256: string; bytes: number }[] }
    >;
  };
  readonly derived?: { byGeneration: Record<CceGenerationLabel, { sha256: string; bytes: number }[]> };
}

interface Vn2Case {
  readonly id: string;
  readonly kind: string;
  readonly input: string;
  readonly options: CceOptions;
  readonly expectedByGeneration: Record<
    CceGenerationLabel,
    { prettySha256: string; prettyBytes: number; measuredSha256?: string; measuredBytes?: number; file?: string }
  >;
}

const folder = join(vectorsFolder() ?? '', 'policy');
const index = loadVectors('policy/index.json') as { cases: (AciCase | Vn2Case)[] } | undefined;
const ofKind = <T extends AciCase | Vn2Case>(kind: string) =>
  (index?.cases.filter((entry) => entry.kind === kind) ?? []) as T[];
const read = (file: string) => readFileSync(join(folder, file));

describe.skipIf(index === undefined)('generateCce gives the published bytes for ARM templates', () => {
  for (const { id, input, parameters, published, derived } of ofKind<AciCase>('cce-aci')) {
    const arm = {
      kind: 'arm',
      template: index ? read(input) : '',
      parameters: parameters === null ? undefined : read(parameters),
    } as const;
    for (const [variant, { options, expected }] of Object.entries(published.variants)) {
      it(`${id} ${variant}`, async () => {
        const { generation, infrastructureSvn } = published;
        const all = await generateCce(arm, sampleImages(), {
          generation,
          infrastructureSvn,
          envOrder: 'sorted-by-pattern',
          ...options,
        });
        expect(all.map(({ text }) => text)).toEqual(expected.map(({ file }) => read(file).toString('utf8')));
        expect(all.map(({ sha256 }) => sha256)).toEqual(expected.map(({ sha256 }) => sha256));
      });
    }
    for (const [generation, expected] of Object.entries(derived?.byGeneration ?? {})) {
      it(`${id} in the generation ${generation}`, async () => {
        const all = await generateCce(arm, sampleImages(), { generation: generation as CceGenerationLabel });
        expect(all.map(({ sha256, text }) => ({ sha256, bytes: text.length }))).toEqual(expected);
      });
    }
  }
});

describe.skipIf(index === undefined)('generateCce gives the known bytes for virtual nodes', () => {
  for (const { id, input, options, expectedByGeneration } of ofKind<Vn2Case>('cce-vn2')) {
    for (const [label, expected] of Object.entries(expectedByGeneration)) {
      it(`${id} in the generation ${label}`, async () => {
        const generation = label as CceGenerationLabel;
        const manifests = { kind: 'virtual-node', manifests: read(input) } as const;
        const settings: CceOptions = { ...options, generation, compatible: id.includes('resourcefieldref') };
        const [pretty] = await generateCce(manifests, sampleImages(), { ...settings, containersFormat: 'pretty' });
        const [measured] = await generateCce(manifests, sampleImages(), settings);
        if (expected.file !== undefined) expect(pretty?.text).toBe(read(expected.file).toString('utf8'));
        expect([pretty?.sha256, pretty?.text.length]).toEqual([expected.prettySha256, expected.prettyBytes]);
        if (expected.measuredSha256 === undefined) return;
        expect([measured?.sha256, measured?.text.length]).toEqual([expected.measuredSha256, expected.measuredBytes]);
      });
    }
  }
});
