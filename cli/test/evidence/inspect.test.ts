import { toHex } from '@holdfast/base';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { EvidenceFolder, HOST_DATA } from './evidence-folder.ts';

let folder: EvidenceFolder;

beforeAll(async () => {
  folder = await EvidenceFolder.filled();
});
afterAll(() => folder[Symbol.asyncDispose]());

describe('holdfast evidence inspect', () => {
  it('says what a report is and what it claims', async () => {
    const { exitCode, stdout, stderr } = await folder.run(['inspect', 'report.bin']);
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout.split('\n').slice(0, 8)).toEqual([
      'report.bin: SEV-SNP attestation report',
      '  version            3',
      '  product            Milan',
      '  vmpl               0',
      '  guest policy       0x3001f',
      '  debug allowed      no',
      '  migration allowed  no',
      '  smt allowed        yes',
    ]);
    expect(stdout).toContain(`  host data          ${toHex(HOST_DATA)}\n`);
  });

  it.each([
    ['report.bin', ['report']],
    ['report.hex', ['report']],
    ['report.b64', ['report']],
    ['sidecar.json', ['report']],
    ['combined.bin', ['report', 'certificates']],
    ['request.json', ['report', 'certificates', 'endorsement', 'runtime-data']],
    ['thim.json', ['host-certificates']],
    ['chain.pem', ['certificates']],
    ['uvm.cose', ['endorsement']],
    ['list.crl', ['revocation-list']],
    ['policy.rego', ['security-policy']],
    ['security-context-1', ['security-policy', 'host-certificates', 'endorsement']],
  ])('recognises %s', async (file, kinds) => {
    const { exitCode, stdout } = await folder.run(['inspect', file, '--json']);
    const { version, items } = JSON.parse(stdout) as { version: number; items: { kind: string; facts: object }[] };
    expect([exitCode, version, items.map(({ kind }) => kind)]).toEqual([0, 1, kinds]);
    expect(items.every(({ facts }) => !('problem' in facts))).toBe(true);
  });

  it('ends with 1 for a file that is no evidence, and says which and why', async () => {
    for (const file of ['cut.bin', 'noise.bin']) {
      const { exitCode, stdout, stderr } = await folder.run(['inspect', file]);
      expect([exitCode, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(new RegExp(`^holdfast: ${file}: this is no evidence .* \\[EVIDENCE_UNRECOGNISED\\]\n$`));
    }
  });

  it('ends with 64 for a file that is not there, a folder without evidence, and no file at all', async () => {
    for (const args of [['nothing.bin'], ['empty'], []])
      expect((await folder.run(['inspect', ...args])).exitCode).toBe(64);
    const { stdout } = await folder.run(['inspect', 'nothing.bin', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'EVIDENCE_UNREADABLE' } });
  });

  it('lets no text of a file steer the terminal', async () => {
    await folder.save('evil.json', JSON.stringify({ keys: [{ kty: 'RSA', kid: 'a\u001b[2Jb\u202ec' }] }));
    expect((await folder.run(['inspect', 'evil.json'])).stdout).toContain('a?[2Jb?c');
  });
});
