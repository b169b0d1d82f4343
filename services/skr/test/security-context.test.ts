import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { formatThimCertificates } from '@holdfast/attestation';
import type { ThimCertificates } from '@holdfast/attestation';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { loadSecurityContext } from '../src/index.ts';
import type { SkrConfig } from '../src/index.ts';

const CERTIFICATES: ThimCertificates = {
  vcekCert: 'v\n',
  tcbm: '7308000000000003',
  certificateChain: 'c',
  cacheControl: '1',
};
const NOTHING: SkrConfig['securityContext'] = {
  folder: undefined,
  policy: undefined,
  hostCertificates: undefined,
  referenceInfo: undefined,
};
const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('loadSecurityContext', () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'holdfast-context-'));
  });
  afterEach(async () => rm(root, { recursive: true }));

  const write = async (folder: string, files: Record<string, string>): Promise<string> => {
    await mkdir(join(root, folder), { recursive: true });
    for (const [name, content] of Object.entries(files)) await writeFile(join(root, folder, name), content);
    return join(root, folder);
  };
  const full = {
    'security-policy-base64': base64('package policy'),
    'host-amd-cert-base64': base64(formatThimCertificates(CERTIFICATES)),
    'reference-info-base64': `${base64('cose')}\n`,
  };

  it('reads the configured folder, with or without a newline at the end of a file', async () => {
    const folder = await write('here', full);
    expect(await loadSecurityContext({ ...NOTHING, folder }, root)).toEqual({
      hostCertificates: CERTIFICATES,
      uvmEndorsement: new Uint8Array(Buffer.from('cose')),
      policyProblem: undefined,
    });
  });

  it('finds the folder of a container group by its name', async () => {
    await write('security-context-b', { 'reference-info-base64': base64('b') });
    await write('security-context-a', { 'reference-info-base64': base64('a') });
    const { uvmEndorsement } = await loadSecurityContext(NOTHING, root);
    expect(uvmEndorsement).toEqual(new Uint8Array(Buffer.from('a')));
  });

  it('knows nothing where there is nothing', async () => {
    const folder = await write('empty', { 'host-amd-cert-base64': '' });
    expect(await loadSecurityContext({ ...NOTHING, folder }, root)).toEqual({
      hostCertificates: undefined,
      uvmEndorsement: undefined,
      policyProblem: undefined,
    });
  });

  it('takes the legacy variables only where the folder has no reference info', async () => {
    const variables = { ...NOTHING, referenceInfo: base64('variable'), hostCertificates: full['host-amd-cert-base64'] };
    const empty = await write('empty', {});
    const taken = await loadSecurityContext({ ...variables, folder: empty }, root);
    expect(taken).toMatchObject({
      hostCertificates: CERTIFICATES,
      uvmEndorsement: new Uint8Array(Buffer.from('variable')),
    });
    const folder = await write('here', { 'reference-info-base64': base64('file') });
    const ignored = await loadSecurityContext({ ...variables, folder }, root);
    expect(ignored).toMatchObject({ hostCertificates: undefined, uvmEndorsement: new Uint8Array(Buffer.from('file')) });
  });

  it.each([
    ['host-amd-cert-base64', '*'],
    ['host-amd-cert-base64', base64('{}')],
    ['reference-info-base64', 'a_-='],
  ])('refuses %s holding %s, naming the file', async (name, content) => {
    const folder = await write('here', { ...full, [name]: content });
    await expect(loadSecurityContext({ ...NOTHING, folder }, root)).rejects.toMatchObject({
      code: 'SECURITY_CONTEXT_MALFORMED',
      message: expect.stringContaining(name) as string,
    });
  });

  it('keeps a policy that is not Base64 as a problem for requests, as the reference does', async () => {
    const folder = await write('here', { ...full, 'security-policy-base64': '***' });
    const { policyProblem } = await loadSecurityContext({ ...NOTHING, folder }, root);
    expect(policyProblem).toContain('security-policy-base64');
  });
});
