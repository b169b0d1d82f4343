import { randomBytes } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { hashApiKey, parseClients, parseEnclaves, parseOperators } from '@holdfast/uid2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { homeLayout } from '../../src/home/home-layout.ts';
import type { HomeLayout } from '../../src/home/home-layout.ts';
import { openHome, prepareHomeFolder } from '../../src/home/open-home.ts';
import type { OpenHomeOptions } from '../../src/home/open-home.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';

const SALTS = 50;
const ENCLAVE_ID = 'ab'.repeat(32);
const NOW = Date.UTC(2026, 10, 21, 12);
const YEAR_MS = 366 * 86_400_000;

function options(changes: Partial<OpenHomeOptions> = {}): OpenHomeOptions {
  return { salts: SALTS, enclaveId: ENCLAVE_ID, randomBytes, clock: () => NOW, platformRsaBits: 2048, ...changes };
}

describe('openHome', () => {
  let made: Awaited<ReturnType<typeof temporaryFolder>>;

  beforeAll(async () => {
    made = await temporaryFolder();
    await openHome(homeLayout(made.path), options());
  });
  afterAll(() => made[Symbol.asyncDispose]());

  /** A home of its own for tests that change it. */
  async function copyOfHome(): Promise<{ readonly layout: HomeLayout } & AsyncDisposable> {
    const folder = await temporaryFolder();
    await cp(made.path, folder.path, { recursive: true });
    return { layout: homeLayout(folder.path), [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
  }

  it('makes a world whose credentials fit the records that Core serves', async () => {
    await using home = await copyOfHome();
    const { credentials, created } = await openHome(home.layout, options());
    expect(created).toBe(false);
    const text = (path: string): Promise<string> => readFile(join(home.layout.coreBucket, path), 'utf8');
    const client = parseClients(await text('clients/clients.json')).find(
      ({ name }) => name === credentials.client.name,
    );
    expect(client?.keyHash).toBe(hashApiKey(credentials.client.apiKey, client?.keySalt ?? new Uint8Array()));
    expect(client?.roles).toEqual(['GENERATOR', 'MAPPER', 'ID_READER', 'SHARER', 'OPTOUT']);
    const operators = parseOperators(await text('operators/operators.json'));
    const hashes = operators.map(({ keySalt }) => hashApiKey(credentials.operatorKey, keySalt));
    const operator = operators.find(({ keyHash }, index) => keyHash === hashes[index]);
    expect(operator).toMatchObject({ protocol: 'azure-cc', operatorType: 'PRIVATE', roles: ['OPERATOR', 'OPTOUT'] });
    expect(operators.map(({ protocol, operatorType, roles }) => [protocol, operatorType, roles])).toContainEqual([
      'trusted',
      'PUBLIC',
      ['OPTOUT_SERVICE'],
    ]);
    expect(parseEnclaves(await text('enclaves/enclaves.json'))).toMatchObject([
      { protocol: 'azure-cc', identifier: ENCLAVE_ID },
    ]);
  });

  it.skipIf(process.platform === 'win32')('lets nobody else read a file that holds a secret', async () => {
    const { layout } = { layout: homeLayout(made.path) };
    const secrets = [
      layout.credentials,
      layout.platformFile,
      layout.jwtSigningKey,
      layout.attestationSigningKey,
      layout.coreLinkKey,
      layout.attestationTokenKey,
      join(layout.coreBucket, 'clients/clients.json'),
      join(layout.coreBucket, 'keyset_keys/keyset_keys.json'),
    ];
    for (const file of secrets) expect(((await stat(file)).mode & 0o077).toString(8)).toBe('0');
  });

  it('opens what is there and gives the same secrets and the same platform', async () => {
    await using home = await copyOfHome();
    const first = await openHome(home.layout, options());
    const second = await openHome(home.layout, options({ salts: undefined }));
    expect(second.credentials).toEqual(first.credentials);
    expect(second.platform.rootPem).toBe(first.platform.rootPem);
    expect(second.salts).toBe(SALTS);
  });

  it('starts over when an earlier first start was interrupted', async () => {
    await using home = await copyOfHome();
    const before = await readFile(home.layout.credentials, 'utf8');
    await rm(home.layout.marker);
    await truncate(join(home.layout.coreBucket, 'clients/clients.json'), 10);
    const { created } = await openHome(home.layout, options());
    expect(created).toBe(true);
    expect(await readFile(home.layout.credentials, 'utf8')).not.toBe(before);
  });

  it('refuses another number of salts than the world has', async () => {
    await using home = await copyOfHome();
    await expect(openHome(home.layout, options({ salts: SALTS + 1 }))).rejects.toMatchObject({
      code: 'WORLD_SIZE_DIFFERS',
    });
  });

  it.each([0, -1, 1.5, 1_048_577, Number.NaN])('refuses a world of %d salts', async (salts) => {
    await using folder = await temporaryFolder();
    await expect(openHome(homeLayout(folder.path), options({ salts }))).rejects.toMatchObject({
      code: 'WORLD_SIZE_INVALID',
    });
    expect(await readdir(folder.path)).toEqual([]);
  });

  it('refuses a world whose salts are no longer effective', async () => {
    await using home = await copyOfHome();
    await expect(openHome(home.layout, options({ clock: () => NOW + YEAR_MS }))).rejects.toMatchObject({
      code: 'WORLD_EXPIRED',
    });
  });

  it.each([
    'clients/clients.json',
    'clients/metadata.json',
    'sites/sites.json',
    'keysets/keysets.json',
    'keyset_keys/keyset_keys.json',
    'operators/operators.json',
    'enclaves/enclaves.json',
    'salts/metadata.json',
    'operator/operator-config.json',
  ])('names the seed file that is cut short: %s', async (path) => {
    await using home = await copyOfHome();
    const file = join(home.layout.coreBucket, path);
    await truncate(file, Math.floor((await stat(file)).size / 2));
    await expect(openHome(home.layout, options())).rejects.toMatchObject({
      code: 'WORLD_CORRUPT',
      message: expect.stringContaining(path),
    });
  });

  it('notices a salt file with too few lines', async () => {
    await using home = await copyOfHome();
    const folder = join(home.layout.coreBucket, 'salts');
    const name = (await readdir(folder)).find((entry) => entry.startsWith('salts.txt.'));
    await truncate(join(folder, name ?? ''), 500);
    await expect(openHome(home.layout, options())).rejects.toMatchObject({ code: 'WORLD_CORRUPT' });
  });

  it.each(['credentials.json', 'snp/platform.json', 'keys/attestation-token.json', 'home.json'])(
    'says which file of the home is damaged: %s',
    async (path) => {
      await using home = await copyOfHome();
      await writeFile(join(home.layout.folder, path), '{"version":1}');
      const outcome = await openHome(home.layout, options()).catch((error: unknown) => error);
      expect(outcome).toMatchObject({
        code: expect.stringMatching(/^(?:WORLD_CORRUPT|CREDENTIALS_UNREADABLE|SIMULATED_PLATFORM_RECORD_INVALID)$/),
      });
    },
  );
});

describe('prepareHomeFolder', () => {
  it('makes a folder that does not exist', async () => {
    await using folder = await temporaryFolder();
    const layout = homeLayout(join(folder.path, 'a', 'b'));
    await prepareHomeFolder(layout);
    expect(await readdir(layout.folder)).toEqual([]);
  });

  it('refuses a folder with the files of something else, and touches nothing', async () => {
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, 'thesis.txt'), 'chapter 1');
    await expect(prepareHomeFolder(homeLayout(folder.path))).rejects.toMatchObject({
      code: 'HOME_FOREIGN',
      message: expect.stringContaining('thesis.txt'),
    });
    expect(await readdir(folder.path)).toEqual(['thesis.txt']);
  });

  it('refuses a path that is a file', async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'file');
    await writeFile(file, '');
    await expect(prepareHomeFolder(homeLayout(file))).rejects.toMatchObject({ code: 'HOME_UNUSABLE' });
  });

  it('takes what an interrupted start left', async () => {
    await using folder = await temporaryFolder();
    await mkdir(join(folder.path, 'world', 'core'), { recursive: true });
    await expect(prepareHomeFolder(homeLayout(folder.path))).resolves.toBeUndefined();
  });
});
