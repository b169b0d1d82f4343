import { loadVectors } from '@holdfast/base/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { pathProblem } from '../../src/driver/payload-path.ts';
import { mountAttributes } from '../../src/driver/publish-request.ts';
import type { PublishRequest } from '../../src/driver/publish-request.ts';
import type { SecretObject } from '../../src/driver/objects.ts';
import { secretData, secretObjectProblem } from '../../src/driver/secret-data.ts';
import { VolumeDriver } from '../../src/driver/volume-driver.ts';
import { NODE, openFixture, POD } from './fixture.ts';
import type { Fixture } from './fixture.ts';

interface Case {
  readonly id: string;
  readonly group: string;
  readonly title: string;
  readonly input: {
    readonly path: string;
    readonly missing?: string;
    readonly readonly?: boolean;
    readonly classParameters?: Record<string, string>;
    readonly volumeAttributes?: Record<string, string>;
    readonly secretObject?: SecretObject;
    readonly data?: NonNullable<SecretObject['data']>;
    readonly files?: Record<string, string>;
  };
  readonly expect: {
    readonly valid?: boolean;
    readonly message?: string;
    readonly error?: string;
    readonly data?: Record<string, string>;
    readonly compatible?: Record<string, string>;
    readonly strict?: Record<string, string>;
    readonly secrets?: readonly string[];
    readonly keyVaultCalls?: number;
  };
}

const vectors = loadVectors('identity.json') as { readonly cases: readonly Case[] } | undefined;
const casesOf = (group: string) =>
  (vectors?.cases ?? [])
    .filter((one) => one.group === group)
    .map((one) => [`${one.id} ${one.title}`, one.input, one.expect] as const);

describe.skipIf(vectors === undefined)('known answers of the Secrets Store CSI driver', () => {
  let fixture: Fixture;
  beforeEach(async () => {
    fixture = await openFixture();
  });
  afterEach(async () => fixture.close());

  it.each(casesOf('driver-path'))('%s', (_, { path }, { valid }) => {
    expect(pathProblem(path) === undefined).toBe(valid);
  });

  it.each(casesOf('driver-publish'))('%s', async (_, input, expected) => {
    if (input.classParameters !== undefined) {
      const spc = { spec: { parameters: input.classParameters } };
      const merged = (compatible: boolean) => mountAttributes(spc, input.volumeAttributes ?? {}, compatible);
      expect(merged(true)['keyvaultName']).toBe(expected.compatible?.['attributes.keyvaultName']);
      expect(merged(false)['keyvaultName']).toBe(expected.strict?.['attributes.keyvaultName']);
      return;
    }
    const whole: PublishRequest = {
      volumeId: 'v',
      targetPath: `${fixture.folder}/target`,
      volumeCapability: {},
      volumeContext: { secretProviderClass: 'azure-vote' },
      readonly: input.readonly ?? true,
    };
    const request = Object.fromEntries(Object.entries(whole).filter(([name]) => name !== input.missing));
    const driver = new VolumeDriver({
      cluster: fixture.cluster,
      providers: new Map(),
      nodeName: NODE,
      rotationMs: () => undefined,
      compatible: false,
      mountTimeoutMs: 1000,
      clock: () => 0,
      events: fixture.events,
      recordEvent: async () => Promise.resolve(),
    });
    await expect(driver.publish(request, POD)).rejects.toMatchObject({
      code: 'MOUNT_REQUEST_INVALID',
      message: expected.message,
    });
  });

  it.each(casesOf('secret-sync'))('%s', async (_, input, expected) => {
    if (input.secretObject !== undefined) {
      expect(secretObjectProblem(input.secretObject)).toBe(expected.error);
      return;
    }
    if (input.data === undefined) {
      // The fixture has applied a class; no pod uses it yet.
      await fixture.store.tick();
      expect(fixture.vault.calls).toHaveLength(expected.keyVaultCalls ?? -1);
      expect([...fixture.cluster.objects.values()].filter(({ kind }) => kind === 'Secret')).toEqual(expected.secrets);
      return;
    }
    const files = new Map(Object.entries(input.files ?? {}).map(([path, text]) => [path, Buffer.from(text)]));
    const make = () => secretData(input.data ?? [], files, 'Opaque');
    if (expected.error !== undefined) expect(make).toThrow(expected.error);
    else expect(Object.fromEntries([...make()].map(([key, bytes]) => [key, String(bytes)]))).toEqual(expected.data);
  });
});
