import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  type CceContainer,
  type CceOptions,
  generateCce,
  generateFragment,
  readCcePolicy,
  writeAllowAll,
} from '../../src/cce/index.ts';
import type { ImageFacts } from '../../src/images/image-facts.ts';
import { imageFacts, knownImages, plainImages } from './support.ts';

const REFERENCE = 'example.com/app:1';
const FRAGMENT = {
  feed: 'example.com/f',
  issuer: 'did:x509:0:sha256:x::eku:1',
  minimum_svn: '2',
  includes: ['containers'],
  path: 'x',
};

async function generate(options: CceOptions = {}, references: readonly string[] = [REFERENCE], images = plainImages()) {
  const [policy] = await generateCce({ kind: 'images', references }, images, options);
  if (policy === undefined) throw new Error('no policy');
  return { ...policy, document: readCcePolicy(policy.text) };
}

const code = (expected: string) => expect.objectContaining({ code: expected }) as Error;

describe('generateCce options', () => {
  it('measures the text it answers', async () => {
    const { text, base64, sha256 } = await generate();
    expect(Buffer.from(base64, 'base64').toString()).toBe(text);
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(text.endsWith('}')).toBe(true);
  });

  it('omits the id, and the name where it equals the id', async () => {
    const [own] = (await generate({ omitId: true })).containers;
    expect(own).not.toHaveProperty('id');
    expect(own).not.toHaveProperty('name');
  });

  it('puts the infrastructure fragment first, with its version by feed', async () => {
    const { document } = await generate({ fragments: [FRAGMENT], infrastructureSvn: '7' });
    const { path: _path, ...imported } = FRAGMENT;
    expect(document.fragments.map(({ minimum_svn: svn }) => svn)).toEqual(['7', '2']);
    expect(document.fragments[1]).toEqual(imported);
  });

  it('gives the version to the first import only where defects are asked for', async () => {
    const { document } = await generate({ fragments: [FRAGMENT], infrastructureSvn: '7', compatible: true });
    expect(document.fragments.map(({ feed, minimum_svn: svn }) => [feed, svn])).toEqual([
      ['example.com/f', '7'],
      ['mcr.microsoft.com/aci/aci-cc-infra-fragment', '4'],
    ]);
  });

  it('leaves the infrastructure fragment out on request', async () => {
    expect((await generate({ excludeDefaultFragments: true })).document.fragments).toEqual([]);
  });

  it.each<[string, CceOptions]>([
    ['a version that is no number', { infrastructureSvn: '1.0' }],
    ['a fragment version that is no number', { fragments: [{ ...FRAGMENT, minimum_svn: 'x' }] }],
    ['a flag of another generation', { flags: { allow_host_network: true } }],
    ['a flag that does not exist', { flags: { allow_everything: true } }],
  ])('refuses %s', async (_name, options) => {
    await expect(generate(options)).rejects.toThrow(code('CCE_OPTION_INVALID'));
  });

  it('sets flags and keeps the others', async () => {
    const { document } = await generate({ flags: { allow_environment_variable_dropping: false } });
    expect(document.flags.get('allow_environment_variable_dropping')).toBe(false);
    expect(document.flags.get('allow_capability_dropping')).toBe(true);
  });

  it('allows the variables of managed identity on request', async () => {
    const patterns = (await generate({ allowPlatformIdentity: true })).containers[0]?.env_rules.map(
      (rule) => rule.pattern,
    );
    expect(patterns?.slice(-3)).toEqual(['IDENTITY_ENDPOINT=.+', 'IMDS_ENDPOINT=.+', 'APP_IDENTITY_ENDPOINT=.+']);
  });

  it('prefers image variables to defaults and keeps their order', async () => {
    const images = plainImages({ Env: ['HOSTNAME=fixed', 'B=1=2', 'FABRIC_X=1'], Cmd: ['/a'] });
    const patterns =
      (await generate({}, [REFERENCE], images)).containers[0]?.env_rules.map((rule) => rule.pattern) ?? [];
    expect(patterns.slice(0, 5)).toEqual(['HOSTNAME=fixed', 'B=1=2', 'FABRIC_X=1', 'TERM=xterm', '(?i)(FABRIC)_.+=.+']);
    expect(patterns).not.toContain('HOSTNAME=.+');
  });

  it('reads the user of the image', async () => {
    const user = async (User: string) =>
      (await generate({}, [REFERENCE], plainImages({ User, Cmd: ['/a'] }))).containers[0]?.user;
    expect(await user('app:1000')).toMatchObject({
      user_idname: { pattern: 'app', strategy: 'name' },
      group_idnames: [{ pattern: '1000', strategy: 'id' }],
    });
    expect(await user('12')).toMatchObject({ user_idname: { strategy: 'id' }, group_idnames: [{ strategy: 'any' }] });
  });

  it('adds or replaces the stop signal by generation', async () => {
    const signals = async (StopSignal: string, options: CceOptions) =>
      (await generate(options, [REFERENCE], plainImages({ StopSignal, Cmd: ['/a'] }))).containers[0]?.signals;
    expect(await signals('SIGQUIT', { generation: 'G1' })).toEqual([3]);
    expect(await signals('sigquit', { generation: 'G3' })).toEqual([9, 15, 3]);
    expect(await signals('15', { generation: 'G4' })).toEqual([9, 15]);
    expect(await signals('3', { generation: 'G4', compatible: true })).toEqual([9, 15, '3']);
    expect(await signals('SIGWHAT', {})).toEqual([9, 15]);
  });

  it('gives a sidecar of the platform no defaults, and the short document', async () => {
    const { text, containers } = await generate({}, ['mcr.microsoft.com/aci/msi-atlas-adapter:1.0']);
    expect(text).toMatch(
      /^package microsoftcontainerinstance\n\napi_version := "0\.11\.0"\nframework_version := "0\.2\.3"\n\ncontainers := \[\{/,
    );
    expect(text).not.toContain('pause-container');
    expect(containers[0]).toMatchObject({ env_rules: [], mounts: [] });
  });

  it('leaves a container out that a fragment covers', async () => {
    const [own] = (await generate()).containers as [CceContainer];
    const fragment: CceContainer = {
      ...own,
      layers: ['cd'.repeat(32)],
      env_rules: [{ pattern: '.+=.+', strategy: 're2', required: false }, ...own.env_rules],
    };
    const covered = await generate({ fragmentContainers: [fragment] });
    expect(covered.containers).toEqual([]);
    expect(covered.warnings).toMatchObject([{ code: 'CCE-IN-FRAGMENT' }]);
    const other = await generate({ fragmentContainers: [{ ...fragment, working_dir: '/x' }] });
    expect(other.containers).toHaveLength(1);
  });

  it('asks for each image once', async () => {
    let asked = 0;
    await generate({}, [REFERENCE, REFERENCE], (reference) => {
      asked += 1;
      return plainImages()(reference);
    });
    expect(asked).toBe(1);
  });

  it.each<[string, ImageFacts, string]>([
    ['an image without layers', imageFacts(REFERENCE, {}, []), 'CCE_LAYERS_INVALID'],
    ['a layer hash that is too short', imageFacts(REFERENCE, {}, ['ab']), 'CCE_LAYERS_INVALID'],
    [
      'an image for another machine',
      { ...imageFacts(REFERENCE, {}, ['ab'.repeat(32)]), platform: { os: 'linux', architecture: 'arm64' } },
      'CCE_PLATFORM_UNSUPPORTED',
    ],
  ])('refuses %s', async (_name, facts, expected) => {
    await expect(generate({}, [REFERENCE], knownImages([facts]))).rejects.toThrow(code(expected));
  });

  it('gives the same bytes whatever the order in which images are declared to the source', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray(['a', 'b', 'c'], { minLength: 3 }),
        fc.constantFrom('G1' as const, 'G4' as const),
        async (order, generation) => {
          const known = order.map((name) => imageFacts(name, { Env: [`N=${name}`], Cmd: [name] }, ['ab'.repeat(32)]));
          const { sha256 } = await generate({ generation }, ['a', 'b', 'c'], knownImages(known));
          const reference = await generate({ generation }, ['a', 'b', 'c'], knownImages(known.toReversed()));
          expect(sha256).toBe(reference.sha256);
        },
      ),
      { numRuns: 10 },
    );
  });
});

describe('generateFragment', () => {
  it('writes namespace, version, imports and containers without the pause container', async () => {
    const fragment = await generateFragment({ kind: 'images', references: [REFERENCE] }, plainImages(), {
      namespace: 'contoso',
      svn: '3',
      fragments: [FRAGMENT],
    });
    const document = readCcePolicy(fragment.text);
    expect(
      fragment.text.startsWith('package contoso\n\nsvn := "3"\nframework_version := "0.2.3"\n\nfragments := [\n'),
    ).toBe(true);
    expect(document.containers.map(({ id }) => id)).toEqual([REFERENCE]);
    expect(document.fragments).toHaveLength(1);
  });

  it.each(['policy', 'framework', '1a', 'a-b', '', 'data'])('refuses the namespace %j', async (namespace) => {
    const made = generateFragment({ kind: 'images', references: [REFERENCE] }, plainImages(), { namespace, svn: '1' });
    await expect(made).rejects.toThrow(code('CCE_NAMESPACE_INVALID'));
  });
});

describe('writeAllowAll', () => {
  it('answers yes at every point and has no framework version', () => {
    const document = readCcePolicy(writeAllowAll());
    expect(document.points.size).toBe(18);
    expect(document.frameworkVersion).toBeUndefined();
    expect(document.points.get('create_container')).toEqual({
      allowed: true,
      env_list: null,
      allow_stdio_access: true,
    });
  });
});
