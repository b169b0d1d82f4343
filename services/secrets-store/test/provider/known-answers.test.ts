import { loadVectors } from '@holdfast/base/testing';
import { describe, expect, it } from 'vitest';

import { findCloud, vaultUrl } from '../../src/provider/clouds.ts';
import { contentBytes } from '../../src/provider/encoding.ts';
import { certificateTexts, secretTexts } from '../../src/provider/object-content.ts';
import { readMountParameters } from '../../src/provider/parameters.ts';
import { mountObjects } from '../../src/provider/provider.ts';
import {
  fileModeOf,
  fileNameOf,
  objectUid,
  parseVaultObject,
  problemOf,
  trimmed,
} from '../../src/provider/vault-object.ts';
import type { VaultObject } from '../../src/provider/vault-object.ts';
import { selectVersions } from '../../src/provider/versions.ts';
import { fakeVault } from './fake-vault.ts';
import { pkcs12Of } from './pkcs12-file.ts';

interface Case<I, E> {
  readonly id: string;
  readonly group: string;
  readonly title: string;
  readonly input: I;
  readonly expect: E;
}

const vectors = loadVectors('identity.json') as { readonly cases: readonly Case<never, never>[] } | undefined;

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller says what the file holds, in one place
function casesOf<I, E>(group: string): readonly (readonly [string, I, E])[] {
  const cases = (vectors?.cases ?? []) as readonly Case<I, E>[];
  return cases
    .filter((one) => one.group === group)
    .map((one) => [`${one.id} ${one.title}`, one.input, one.expect] as const);
}

const EMPTY: VaultObject = {
  objectName: '',
  objectType: '',
  objectAlias: '',
  objectVersion: '',
  objectVersionHistory: 0,
  objectFormat: '',
  objectEncoding: '',
  filePermission: '',
};
const CONTENT = { constructPemChain: true, separateFiles: false } as const;

describe.skipIf(vectors === undefined)('known answers of the Azure provider', () => {
  it.each(casesOf<{ attributes: Record<string, string> }, Record<string, never>>('spc-parse'))(
    '%s',
    async (
      _,
      { attributes },
      expected: { errorContains?: string; files?: []; keyvaultName?: string; tenant?: string },
    ) => {
      const openVault = async () => Promise.reject(new Error('no vault is asked'));
      const mount = mountObjects({ attributes, secrets: undefined, permission: 420 }, { ...CONTENT, openVault });
      if (expected.errorContains !== undefined) {
        await expect(mount).rejects.toMatchObject({
          code: 'MOUNT_PARAMETERS_INVALID',
          message: expect.stringContaining(expected.errorContains) as string,
        });
        return;
      }
      await expect(mount).resolves.toEqual({ files: expected.files, objectVersions: [] });
      const parameters = readMountParameters(attributes, undefined);
      if (expected.keyvaultName !== undefined) expect(parameters.keyvaultName).toBe(expected.keyvaultName);
      if (expected.tenant !== undefined) expect(parameters.tenantId).toBe(expected.tenant);
    },
  );

  it.each(casesOf<{ keyvaultName: string; cloudName: string }, { url?: string; error?: string }>('vault-url'))(
    '%s',
    (_, { keyvaultName, cloudName }, { url, error }) => {
      const make = () => vaultUrl(keyvaultName, findCloud(cloudName));
      if (error === undefined) expect(make()).toBe(url);
      else expect(make).toThrow(error);
    },
  );

  it.each(
    casesOf<
      { object?: Partial<VaultObject>; yaml?: string },
      { error?: string | null; mode?: number; object?: Partial<VaultObject> }
    >('spc-object'),
  )('%s', (_, { object, yaml }, expected) => {
    const parsed = yaml === undefined ? trimmed({ ...EMPTY, ...object }) : parseVaultObject(yaml);
    if (expected.error !== undefined) expect(problemOf(parsed) ?? null).toBe(expected.error);
    if (expected.mode !== undefined) expect(fileModeOf(parsed, 420)).toBe(expected.mode);
    if (expected.object !== undefined) expect(parsed).toMatchObject(expected.object);
  });

  it.each(casesOf<{ content: string; objectType: string; objectEncoding: string }, { text: string }>('spc-encoding'))(
    '%s',
    (_, { content, objectType, objectEncoding }, { text }) => {
      expect(Buffer.from(contentBytes(content, objectType, objectEncoding)).toString()).toBe(text);
    },
  );

  type Files = { readonly files: readonly string[] };
  it.each(
    casesOf<
      { object: Partial<VaultObject>; versions: { version: string; created: number }[] },
      Files | { compatible: Files; documented: Files }
    >('spc-versions'),
  )('%s', (_, { object, versions }, expected) => {
    const chosen = (compatible: boolean) =>
      selectVersions({ ...EMPTY, objectType: 'secret', ...object }, versions, compatible).map(
        (one) => `${fileNameOf(one.object)}=${one.version ?? ''}`,
      );
    const both = 'files' in expected ? { compatible: expected, documented: expected } : expected;
    expect(chosen(true)).toEqual(both.compatible.files);
    expect(chosen(false)).toEqual(both.documented.files);
  });

  it.each(casesOf<{ object: Partial<VaultObject> }, { uid: string }>('spc-uid'))('%s', (_, { object }, { uid }) => {
    expect(objectUid({ ...EMPTY, ...object })).toBe(uid);
  });

  interface Fetch {
    readonly objectType: string;
    readonly objectName?: string;
    readonly objectFormat?: string;
    readonly bundle?: { id?: string; value?: string; kid?: string; contentType?: string; cerBytesUtf8?: string };
  }
  interface Fetched {
    readonly files?: readonly { suffix: string; content: string; version: string }[];
    readonly pemBlocks?: readonly string[];
    readonly error?: string;
    readonly errorContains?: string;
  }
  it.each(casesOf<Fetch, Fetched>('kv-fetch'))('%s', async (_, input, expected) => {
    const object = { ...EMPTY, objectName: input.objectName ?? 'secret1', objectType: input.objectType };
    const pfx = expected.pemBlocks === undefined ? 'AAAA' : await pkcs12Of({ certificates: 1 });
    const fill = (text: string | undefined) => (text?.startsWith('<') === true ? pfx : text);
    const fetch = async () => {
      const { bundle = {} } = input;
      if (input.objectType === 'cert') {
        return certificateTexts({ id: bundle.id, cer: Buffer.from(bundle.cerBytesUtf8 ?? '') });
      }
      if (input.objectType === 'secret') {
        const id = bundle.id ?? 'https://test.vault.azure.net/secrets/secret1/v1';
        const format = { objectFormat: input.objectFormat ?? '' };
        return secretTexts({ ...bundle, id, value: fill(bundle.value) }, { ...object, ...format }, CONTENT);
      }
      const attributes = {
        'csi.storage.k8s.io/pod.name': 'p',
        'csi.storage.k8s.io/pod.namespace': 'n',
        keyvaultName: 'test',
        tenantId: 't',
        useVMManagedIdentity: 'true',
        objects: `array:\n- |\n  objectName: ${object.objectName}\n  objectType: ${input.objectType}\n`,
      };
      const openVault = async () => Promise.resolve(fakeVault());
      await mountObjects({ attributes, secrets: undefined, permission: 420 }, { ...CONTENT, openVault });
      return [];
    };
    const problem = expected.error ?? expected.errorContains;
    if (problem !== undefined) {
      await expect(fetch()).rejects.toThrow(problem);
      if (expected.error !== undefined) await expect(fetch()).rejects.toMatchObject({ message: expected.error });
      return;
    }
    const texts = await fetch();
    if (expected.files !== undefined) {
      expect(texts).toEqual(expected.files.map(({ content, ...rest }) => ({ ...rest, text: fill(content) ?? '' })));
    }
    if (expected.pemBlocks !== undefined) {
      const labels = [...(texts[0]?.text ?? '').matchAll(/-----BEGIN ([A-Z ]+)-----/g)].map(([, label]) => label);
      expect(labels).toEqual(expected.pemBlocks);
    }
  });
});
