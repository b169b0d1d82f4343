import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { droppedFields, readBundle, readConfig, runDoctor } from '@holdfast/deployment';
import type { ReleaseRecord } from '@holdfast/deployment';
import { toUtf8 } from '@holdfast/base';
import { bundleProgram } from '@holdfast/local';
import { LINUX_AMD64, openLayout, writeOciLayout } from '@holdfast/oci';
import { parseImageReference } from '@holdfast/policy';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { ReleaseBuildFlags, ReleaseInspectFlags } from '../../src/commands/release.ts';
import { failureOf } from '../../src/failure.ts';
import type { MakeProgram } from '../../src/release/build-images.ts';
import { runReleaseBuild } from '../../src/release/run-build.ts';
import { runReleaseInspect } from '../../src/release/run-inspect.ts';
import { fakeContext } from '../deployment/fake-context.ts';
import type { Captured } from '../deployment/fake-context.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-release-'));
  await writeFile(join(folder, 'main.mjs'), 'export {};\n');
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** A program of one file: making the real one is tested once. */
const small: MakeProgram = async (_repository, [service = '']) => ({
  files: [{ kind: 'file', path: `/app/${service}/main.mjs`, source: await readFile(join(folder, 'main.mjs')) }],
  sources: [],
});

async function build(flags: Partial<ReleaseBuildFlags> = {}, makeProgram: MakeProgram = small): Promise<Captured> {
  const captured = fakeContext(folder);
  await runReleaseBuild(captured.context, { out: 'out', environment: 'integ', json: false, ...flags }, makeProgram);
  return captured;
}

async function inspect(name: string, flags: Partial<ReleaseInspectFlags> = {}): Promise<Captured> {
  const captured = fakeContext(folder);
  await runReleaseInspect(captured.context, { json: false, ...flags }, name);
  return captured;
}

async function recordOf(out = 'out'): Promise<ReleaseRecord> {
  return JSON.parse(await readFile(join(folder, out, 'release.json'), 'utf8')) as ReleaseRecord;
}

/** An image with Node, as a layout of its own. */
async function baseImage(entrypoint: readonly string[] = []): Promise<string> {
  await writeOciLayout({
    folder: join(folder, 'base'),
    image: {
      config: { Env: ['PATH=/nodejs/bin:/usr/bin', 'LANG=C.UTF-8'], Entrypoint: entrypoint },
      layers: [[{ kind: 'file', path: 'nodejs/bin/node', source: toUtf8('ELF'), mode: 0o755 }]],
    },
  });
  return 'base';
}

async function imageOf(reference: string, layout = 'out/images') {
  const source = await openLayout(join(folder, layout));
  try {
    return await source.open(parseImageReference(reference), LINUX_AMD64);
  } finally {
    await source.close();
  }
}

async function failing(run: Promise<unknown>): Promise<ReturnType<typeof failureOf>> {
  return failureOf(
    await run.then(
      () => undefined,
      (error: unknown) => error,
    ),
  );
}

describe('holdfast release build', () => {
  it('builds a bundle from this repository that passes every check of the doctor', { timeout: 60_000 }, async () => {
    const run = await build({}, bundleProgram);
    expect(run.exitCode()).toBe(0);
    const { bundle, policy, images } = await recordOf();
    const read = readBundle(await readFile(join(folder, 'out', bundle.file)));
    const { config } = readConfig(
      `profile: uid2-vn2\noperator: {bundle: {path: x, digest: "${policy.sha256}", released: 2026-01-01}}\n`,
    );
    if (config?.profile !== 'uid2-vn2') throw new Error('the configuration is wrong');
    const files = { bundle: read, bundleAgeDays: 1, droppedFields: droppedFields(read, config) };
    const only = new Set(['OB-01', 'OB-02', 'OB-03', 'OB-04', 'OB-05', 'OB-06', 'OB-07', 'OB-08']);
    const results = runDoctor(config, { files }, only).map(({ check, verdict }) => `${check.id} ${verdict}`);
    expect(results).toEqual([...only].map((id) => `${id} passed`));
    const operator = await imageOf(images[0]?.reference ?? '');
    expect(operator.config.config).toMatchObject({
      Entrypoint: ['node', '/app/cli/bin/holdfast.mjs'],
      Cmd: ['serve', 'operator'],
      User: '1000',
    });
    expect(operator.layers).toHaveLength(1);
  });

  it('gives the same bytes for the same input', async () => {
    await build({ out: 'a' });
    await build({ out: 'b' });
    const names = (await readdir(join(folder, 'a'))).filter((name) => name !== 'images');
    expect(names.sort()).toEqual([
      'azure-aks-operator-digest-0.1.0.txt',
      'operator.yaml',
      'release.json',
      'uid2-operator-azure-aks-0.1.0.zip',
    ]);
    for (const name of [...names, 'images/index.json']) {
      expect(await readFile(join(folder, 'a', name))).toEqual(await readFile(join(folder, 'b', name)));
    }
  });

  it('measures the program: another file gives another policy', async () => {
    await build({ out: 'a' });
    await writeFile(join(folder, 'main.mjs'), 'export const changed = 1;\n');
    await build({ out: 'b' });
    expect((await recordOf('b')).policy.sha256).not.toBe((await recordOf('a')).policy.sha256);
  });

  it('says that images without Node are for the local cloud only', async () => {
    expect((await build()).stderr()).toContain('a real cluster cannot');
    expect((await recordOf()).base).toBeNull();
  });

  it('leaves the four placeholders to whoever deploys it, and opens exactly their variables', async () => {
    await build();
    const manifest = await readFile(join(folder, 'out/operator.yaml'), 'utf8');
    expect(manifest.match(/[A-Z_]+_PLACEHOLDER/g)?.sort()).toEqual([
      'DEPLOYMENT_ENVIRONMENT_PLACEHOLDER',
      'IDENTITY_PLACEHOLDER',
      'OPERATOR_KEY_SECRET_NAME_PLACEHOLDER',
      'VAULT_NAME_PLACEHOLDER',
    ]);
    const encoded = /ccepolicy: (\S+)/.exec(manifest)?.[1] ?? '';
    const policy = Buffer.from(encoded, 'base64').toString('utf8');
    expect(policy).toContain('allow_environment_variable_dropping := true');
    expect(policy.match(/"pattern":"(VAULT|OPERATOR|DEPLOYMENT)[A-Z_]+=\.\+"/g)).toEqual([
      '"pattern":"VAULT_NAME=.+"',
      '"pattern":"OPERATOR_KEY_SECRET_NAME=.+"',
      '"pattern":"DEPLOYMENT_ENVIRONMENT=.+"',
    ]);
    expect(policy).not.toContain('PLACEHOLDER');
  });

  it('puts the images on a base, with its variables and its Node', async () => {
    const run = await build({ base: await baseImage(['/nodejs/bin/node']), version: '1.2.3' });
    expect(run.stderr()).toBe('');
    const { base, images } = await recordOf();
    expect(base?.reference).toBe('base');
    const operator = await imageOf(images[0]?.reference ?? '');
    expect(images[0]?.reference).toBe('holdfast.local/uid2-operator:1.2.3');
    expect(operator.layers).toHaveLength(2);
    expect(operator.config.config).toMatchObject({
      Env: ['PATH=/nodejs/bin:/usr/bin', 'LANG=C.UTF-8', 'IMAGE_VERSION=1.2.3'],
      Entrypoint: ['/nodejs/bin/node', '/app/cli/bin/holdfast.mjs'],
    });
    const settings = JSON.parse(Buffer.from(operator.configBytes).toString('utf8')) as {
      readonly config: { readonly Labels: Record<string, string> };
    };
    expect(settings.config.Labels).toMatchObject({
      'org.opencontainers.image.version': '1.2.3',
      'org.opencontainers.image.base.digest': base?.digest,
    });
  });

  it('starts the sidecar with the Node of the base, by the name that manifests use', async () => {
    await build({ base: await baseImage(['/nodejs/bin/node']) });
    const { images } = await recordOf();
    const sidecar = await imageOf(images[1]?.reference ?? '');
    expect(sidecar.config.config.Entrypoint).toEqual(['/skr.sh']);
    const layer = sidecar.layers.at(-1);
    const blob = await readFile(join(folder, 'out/images/blobs', layer?.digest.replace(':', '/') ?? ''), 'utf8');
    expect(blob).toContain('#!/nodejs/bin/node\n');
    expect(blob).toContain('skr.sh');
  });

  it('measures the layers of the base as well', async () => {
    await build({ base: await baseImage() });
    const manifest = await readFile(join(folder, 'out/operator.yaml'), 'utf8');
    const policy = Buffer.from(/ccepolicy: (\S+)/.exec(manifest)?.[1] ?? '', 'base64').toString('utf8');
    const containers = JSON.parse(/^containers := (.*)$/m.exec(policy)?.[1] ?? '[]') as { layers: string[] }[];
    expect(containers.map(({ layers }) => layers.length)).toEqual([2, 2, 1]);
  });

  it('refuses options that make no sense together', async () => {
    const { code, message } = await failing(build({ registry: 'registry.example/uid2' }));
    expect(code).toBe('RELEASE_OPTION_INVALID');
    expect(message).toContain('--registry needs --base');
    expect((await failing(build({ node: '/bin/node' }))).code).toBe('RELEASE_OPTION_INVALID');
    expect((await failing(build({ version: 'not a tag' }))).code).toBe('RELEASE_OPTION_INVALID');
    expect((await failing(build({ base: './nowhere' }))).code).toBe('RELEASE_BASE_UNUSABLE');
  });
});

describe('holdfast release build --registry', () => {
  let server: Server;
  let stored: Map<string, Buffer>;

  beforeEach(async () => {
    stored = new Map();
    // A registry that takes everything: OCI Distribution 1.1, "Pushing".
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      const url = new URL(request.url ?? '', 'http://registry');
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const blob = url.searchParams.get('digest');
        if (request.method === 'HEAD') response.writeHead(404).end();
        else if (request.method === 'POST') response.writeHead(202, { location: `${url.pathname}one` }).end();
        else {
          stored.set(blob ?? url.pathname, Buffer.concat(chunks));
          response.writeHead(201).end();
        }
      });
    });
    await new Promise<void>((done) => {
      server.listen(0, '127.0.0.1', done);
    });
  });
  afterEach(async () => {
    await new Promise((done) => {
      server.close(done);
      server.closeAllConnections();
    });
  });

  it('pushes both images under the names that the manifest has', async () => {
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const registry = `${host}/team`;
    await build({ base: await baseImage(), registry, insecureRegistry: [host], version: '9' });
    const { images } = await recordOf();
    expect(images.map(({ reference, pushed }) => [reference, pushed])).toEqual([
      [`${registry}/uid2-operator:9`, true],
      [`${registry}/skr:9`, true],
    ]);
    const pushed = [...stored.keys()].filter((name) => name.includes('manifests'));
    expect(pushed).toEqual(['/v2/team/uid2-operator/manifests/9', '/v2/team/skr/manifests/9']);
    expect((await inspect('out')).exitCode()).toBe(0);
  });
});

describe('holdfast release inspect', () => {
  it('verifies a release by its record or its folder', async () => {
    await build();
    for (const name of ['out', 'out/release.json']) {
      const run = await inspect(name);
      expect(run.exitCode()).toBe(0);
      expect(run.stdout()).toMatch(/^release 0\.1\.0 for integ\n/);
      expect(run.stdout()).toMatch(/verified\n$/);
    }
  });

  it('verifies a bundle by a digest that came from elsewhere, and not by itself', async () => {
    await build();
    const { bundle, policy } = await recordOf();
    expect((await inspect(join('out', bundle.file), { digest: policy.sha256 })).exitCode()).toBe(0);
    const alone = await inspect(join('out', bundle.file));
    expect(alone.exitCode()).toBe(1);
    expect(alone.stdout()).toContain('a bundle proves nothing about itself');
    expect((await inspect(join('out', bundle.file), { digest: 'ab'.repeat(32) })).exitCode()).toBe(1);
  });

  it('finds a manifest, a bundle or a record that was changed', async () => {
    await build();
    const manifest = join(folder, 'out/operator.yaml');
    await writeFile(manifest, (await readFile(manifest, 'utf8')).replace('replicas: 3', 'replicas: 4'));
    const changed = JSON.parse((await inspect('out', { json: true })).stdout()) as Record<string, unknown>;
    expect(changed).toMatchObject({ verified: false, mismatches: ['operator.yaml was changed'] });
    const record = await recordOf();
    const other = { ...record, policy: { sha256: 'ab'.repeat(32) } };
    await writeFile(join(folder, 'out/release.json'), JSON.stringify(other));
    const refused = await inspect('out');
    expect(refused.exitCode()).toBe(1);
    expect(refused.stdout()).toContain('OB-03 error');
  });

  it('says what is wrong with a file that is no release', async () => {
    await writeFile(join(folder, 'release.json'), '{"version": 1, "bundle": {"file": "../x"}}');
    expect((await failing(inspect('release.json'))).code).toBe('RELEASE_RECORD_INVALID');
    expect((await failing(inspect('nothing'))).code).toBe('RELEASE_INPUT_UNREADABLE');
    expect((await failing(inspect('main.mjs', { digest: 'x' }))).code).toBe('RELEASE_OPTION_INVALID');
  });
});
