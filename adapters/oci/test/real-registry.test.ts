import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, test } from 'vitest';

import { Secret } from '@holdfast/base';
import { parseImageReference } from '@holdfast/policy';

import { imageFactsSource } from '../src/image-facts-source.ts';
import { LINUX_AMD64 } from '../src/image-source.ts';
import { createLayerHasher } from '../src/layer-hashing/index.ts';
import { openLayout } from '../src/layouts/layout-source.ts';
import type { RegistryCredential } from '../src/registry/credentials.ts';
import { dockerCredentials } from '../src/registry/docker-config.ts';
import { pushImage } from '../src/registry/push.ts';
import { RegistryClient } from '../src/registry/registry-client.ts';
import { registrySource } from '../src/registry/registry-source.ts';
import { writeOciLayout } from '../src/writer/oci-layout-writer.ts';
import type { LayerEntry } from '../src/writer/tar-writer.ts';
import { registryProgram, startRegistry } from './support/docker-registry.ts';
import type { RunningRegistry } from './support/docker-registry.ts';
import { collect, file } from './support/images.ts';
import { ISSUER, SERVICE, startTokenServer } from './support/token-server.ts';

/** User `user`, password `pa:ss`, hashed by bcrypt. */
const HTPASSWD = 'user:$2y$05$abcdefghijklmnopqrstuuZImxV28ixwKVAA3Ib6WvqJ3jaF2SHwO\n';

const plainHttp = { loopback: true };
const retry = { baseDelayMs: 10 };

describe.skipIf(registryProgram === undefined)('a real registry', () => {
  let folder: string;
  let registry: RunningRegistry;
  const layout = () => join(folder, 'layout');
  const big: LayerEntry = { kind: 'file', path: 'big', source: Buffer.alloc(3_000_000, 'holdfast'), mode: 0o755 };
  const layers = [
    [file('etc/passwd', 'root:x:0:0::/:\n'), big],
    [file('app/main.js', 'x')],
    [file('app/main.js', 'x')],
  ];
  const config = { Env: ['A=1'], Entrypoint: ['/app/main.js'] };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-registry-'));
    registry = await startRegistry(join(folder, 'open'));
    await writeOciLayout({ folder: layout(), image: { config, layers }, compression: 'gzip' });
  });

  afterAll(async () => {
    await registry.stop();
    await rm(folder, { recursive: true });
  });

  async function push(host: string, credential?: RegistryCredential, name = 'team/app:1'): Promise<string> {
    const client = new RegistryClient({ plainHttp, retry, credentials: () => Promise.resolve(credential) });
    const source = await openLayout(layout());
    const reference = parseImageReference(`${host}/${name}`);
    try {
      return await pushImage(client, reference, await source.open(reference, LINUX_AMD64));
    } finally {
      await source.close();
      await client.close();
    }
  }

  async function pullFacts(reference: string, credentials?: () => Promise<RegistryCredential | undefined>) {
    const source = registrySource({ plainHttp, retry, ...(credentials === undefined ? {} : { credentials }) });
    const hasher = createLayerHasher();
    try {
      const facts = imageFactsSource({ sourceOf: () => source, hasher, formats: ['ext4', 'tarfs'], accounts: true });
      return await facts(reference);
    } finally {
      await source.close();
    }
  }

  async function layoutFacts(reference: string) {
    const source = await openLayout(layout());
    try {
      const hasher = createLayerHasher();
      return await imageFactsSource({ sourceOf: () => source, hasher, formats: ['ext4', 'tarfs'], accounts: true })(
        reference,
      );
    } finally {
      await source.close();
    }
  }

  test('keeps an image that was pushed, and gives the same facts as the layout it came from', async ({ expect }) => {
    const digest = await push(registry.host);
    const reference = `${registry.host}/team/app:1`;
    const facts = await pullFacts(reference);
    expect(facts.manifestDigest).toBe(digest);
    expect(facts).toEqual(await layoutFacts(reference));
    expect(
      facts.layers.every(
        ({ rootHashExt4, rootHashTarfs }) => rootHashExt4 !== undefined && rootHashTarfs !== undefined,
      ),
    ).toBe(true);
    expect(await pullFacts(`${registry.host}/team/app@${digest}`)).toMatchObject({ manifestDigest: digest });
  });

  test('takes the same image again without uploading it', async ({ expect }) => {
    expect(await push(registry.host, undefined, 'team/app:2')).toBe(await push(registry.host, undefined, 'team/app:1'));
  });

  test('serves the rest of a blob', async ({ expect }) => {
    await push(registry.host);
    const client = new RegistryClient({ plainHttp, retry });
    const reference = parseImageReference(`${registry.host}/team/app:1`);
    const source = registrySource({ plainHttp, retry });
    const [layer] = (await source.open(reference, LINUX_AMD64)).layers;
    const answer = await client.send(reference, {
      method: 'GET',
      target: `blobs/${layer?.digest}`,
      headers: { range: 'bytes=100-' },
    });
    expect([answer.status, answer.headers['content-range']?.startsWith('bytes 100-')]).toEqual([206, true]);
    expect((await collect(answer.body)).length).toBe((layer?.size ?? 0) - 100);
    await client.close();
    await source.close();
  });

  test('says that an image does not exist', async ({ expect }) => {
    await expect(pullFacts(`${registry.host}/team/none:1`)).rejects.toMatchObject({
      code: 'REGISTRY_MANIFEST_UNKNOWN',
    });
  });

  test('with htpasswd: takes what docker login left, and refuses everybody else', async ({ expect }) => {
    await writeFile(join(folder, 'htpasswd'), HTPASSWD);
    const closed = await startRegistry(join(folder, 'basic'), {
      htpasswd: { realm: 'test', path: join(folder, 'htpasswd') },
    });
    try {
      const auths = { [closed.host]: { auth: Buffer.from('user:pa:ss').toString('base64') } };
      await writeFile(join(folder, 'config.json'), JSON.stringify({ auths }));
      const credentials = dockerCredentials({ folder });
      const digest = await push(closed.host, await credentials(closed.host));
      const reference = `${closed.host}/team/app:1`;
      expect((await pullFacts(reference, () => credentials(closed.host))).manifestDigest).toBe(digest);
      await expect(pullFacts(reference)).rejects.toMatchObject({ code: 'REGISTRY_UNAUTHORIZED' });
      const wrong: RegistryCredential = { kind: 'basic', username: 'user', password: new Secret('wrong') };
      await expect(pullFacts(reference, () => Promise.resolve(wrong))).rejects.toMatchObject({
        code: 'REGISTRY_UNAUTHORIZED',
      });
    } finally {
      await closed.stop();
    }
  });

  test('with a token server: everybody pulls, the writer pushes', async ({ expect }) => {
    const tokens = await startTokenServer(folder);
    const token = { realm: tokens.realm, service: SERVICE, issuer: ISSUER, rootcertbundle: tokens.certificateFile };
    const guarded = await startRegistry(join(folder, 'token'), { token });
    try {
      await expect(push(guarded.host)).rejects.toMatchObject({ code: 'REGISTRY_UNAUTHORIZED' });
      const writer: RegistryCredential = { kind: 'basic', username: 'writer', password: new Secret('pa:ss') };
      const digest = await push(guarded.host, writer);
      expect((await pullFacts(`${guarded.host}/team/app:1`)).manifestDigest).toBe(digest);
    } finally {
      await guarded.stop();
      await tokens.stop();
    }
  });
});
