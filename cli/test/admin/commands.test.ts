import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { capture } from '../captured-io.ts';
import { seededBucket } from './seeded-bucket.ts';

type Issued = { readonly apiKey: string; readonly secret: string; readonly keyId: string };

describe('sites and clients', () => {
  it('are created, listed and disabled', async () => {
    await using world = await seededBucket();
    const created = await world.run(['site', 'create', 'Limpet DSP', '--types', 'dsp', '--domains', 'limpet.example']);
    expect([created.exitCode, created.stdout]).toEqual([0, 'site 4 created: Limpet DSP\n']);
    expect(created.stderr).toMatch(/^published sites \d+;/);

    await world.run(['client', 'create', 'bidder', '--site', '4', '--roles', 'id-reader']);
    const { clients } = (await world.json(['client', 'list', '--site', '4'])) as { clients: Issued[] };
    expect(clients).toMatchObject([{ name: 'bidder', siteId: 4, roles: ['ID_READER'], disabled: false }]);

    const disabled = await world.json(['client', 'disable', 'bidder', '--yes']);
    expect(disabled).toMatchObject({
      version: 1,
      client: { disabled: true },
      versions: { clients: expect.any(Number) },
      consequences: [expect.stringContaining('site 4')],
    });
    const list = await world.run(['site', 'list']);
    expect(list.stdout).toBe(
      [
        'ID  NAME        STATE   TYPES  CLIENTS  DOMAINS         APPS',
        ' 3  Kelp Media  active               1  kelp.example',
        ' 4  Limpet DSP  active  DSP          0  limpet.example',
        '',
      ].join('\n'),
    );
  });

  it('show a new key and secret once, and store the key nowhere', async () => {
    await using world = await seededBucket();
    const { client } = (await world.json(['client', 'create', 'mapper', '--site', '3', '--roles', 'MAPPER'])) as {
      client: Issued;
    };
    expect(client.apiKey).toMatch(/^UID2-C-T-3-/);
    expect(Buffer.from(client.secret, 'base64')).toHaveLength(32);
    const outputs = await Promise.all(
      [
        ['client', 'list'],
        ['client', 'disable', 'mapper', '--yes'],
        ['key', 'list'],
        ['operator', 'list'],
      ].map(async (args) => JSON.stringify(await world.json(args))),
    );
    expect(outputs.some((output) => output.includes(client.apiKey) || output.includes(client.secret))).toBe(false);
    const files = await readdir(world.folder, { recursive: true, withFileTypes: true });
    for (const file of files.filter((entry) => entry.isFile())) {
      expect(await readFile(join(file.parentPath, file.name), 'utf8')).not.toContain(client.apiKey);
    }
  });

  it('take another environment letter when asked to', async () => {
    await using world = await seededBucket();
    const { client } = (await world.json([
      'client',
      'create',
      'x',
      '--site',
      '3',
      '--roles',
      'MAPPER',
      '--environment',
      'p',
    ])) as { client: Issued };
    expect(client.apiKey).toMatch(/^UID2-C-P-3-/);
  });
});

describe('a command that cuts somebody off', () => {
  it('is refused where nobody can be asked, and changes nothing', async () => {
    await using world = await seededBucket();
    const before = await readFile(join(world.folder, 'clients/metadata.json'), 'utf8');
    const { exitCode, stdout } = await world.run(['client', 'disable', 'backend', '--json']);
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([
      1,
      { error: { code: 'CONFIRMATION_REQUIRED', details: { consequences: [expect.stringContaining('site 3')] } } },
    ]);
    expect(await readFile(join(world.folder, 'clients/metadata.json'), 'utf8')).toBe(before);
  });

  it.each(['y\n', 'YES\n'])('asks at a terminal and goes on after %j', async (typed) => {
    await using world = await seededBucket();
    const { exitCode, stderr } = await world.run(['site', 'disable', '3'], {
      terminal: true,
      typed,
    });
    expect([exitCode, stderr]).toEqual([0, expect.stringMatching(/^warning: Site 3 .*\nGo on\? \[y\/N\] /)]);
    expect(await world.json(['client', 'list'])).toMatchObject({ clients: [{ disabled: true }] });
  });

  it.each(['n\n', '\n', 'yes please\n'])('changes nothing after %j', async (typed) => {
    await using world = await seededBucket();
    const { exitCode, stderr } = await world.run(['site', 'disable', '3'], {
      terminal: true,
      typed,
    });
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('[CONFIRMATION_DECLINED]')]);
    expect(await world.json(['client', 'list'])).toMatchObject({ clients: [{ disabled: false }] });
  });
});

describe('keys, keysets, operators, enclaves, key pairs and services', () => {
  it('are administered by commands of their own', async () => {
    await using world = await seededBucket();
    const digest = 'ab'.repeat(32);
    const commands: readonly (readonly string[])[] = [
      ['key', 'rotate', 'master', '--activates-in', '2h'],
      ['key', 'rotate', 'all-sites', '--force'],
      ['key', 'rotate', 'site:3', '--min-age', '0s', '--force'],
      ['key', 'expire', '1', '--yes'],
      ['site', 'create', 'Limpet DSP'],
      ['site', 'update', '4', '--apps', 'a,b', '--name', 'Limpet'],
      ['keyset', 'create', '--site', '4', '--allow', '3'],
      ['keyset', 'update', '5', '--allow', 'readers', '--yes'],
      ['keyset', 'disable', '5', '--yes'],
      ['keyset', 'enable', '5'],
      ['client', 'update', 'backend', '--roles', 'generator,mapper', '--contact', 'it@kelp.example'],
      ['client', 'rotate', 'backend'],
      ['operator', 'create', 'second', '--site', '4', '--type', 'public', '--protocol', 'trusted'],
      ['operator', 'update', 'second', '--roles', 'operator', '--yes'],
      ['operator', 'disable', 'second', '--yes'],
      ['operator', 'enable', 'second'],
      ['enclave', 'add', 'v2', digest],
      ['enclave', 'remove', 'v2', '--yes'],
      ['keypair', 'create', '--site', '3', '--name', 'web'],
      ['service', 'create', 'clean room', '--site', '4', '--link-id-regex', '[a-z]+'],
      ['service-link', 'create', '1', 'kelp', '--site', '3', '--name', 'Kelp'],
      ['service-link', 'disable', '1', 'kelp', '--yes'],
      ['service-link', 'enable', '1', 'kelp'],
      ['service', 'disable', '1', '--yes'],
      ['service', 'enable', '1'],
      ['cloud-key', 'rotate'],
    ];
    for (const command of commands) {
      const { exitCode, stderr, stdout } = await world.run(command);
      expect([command, exitCode, stderr]).toEqual([command, 0, expect.stringContaining('published')]);
      expect(stdout).not.toBe('');
    }
    for (const noun of [
      'site',
      'client',
      'operator',
      'enclave',
      'keyset',
      'key',
      'keypair',
      'service',
      'service-link',
    ]) {
      const listed = await world.run([noun, 'list']);
      expect([noun, listed.exitCode, listed.stderr]).toEqual([noun, 0, '']);
    }
    expect(await world.json(['key', 'list', '--keyset', 'master'])).toMatchObject({
      keys: [
        { id: 1, keysetId: -1, state: 'expired' },
        { keysetId: -1, state: 'future' },
      ],
    });
    expect(await world.json(['service-link', 'list', '--service', '1'])).toMatchObject({
      serviceLinks: [{ linkId: 'kelp', disabled: true, roles: ['MAPPER'] }],
    });
  });

  it('keep a secret out of every list', async () => {
    await using world = await seededBucket();
    const { keypair } = (await world.json(['keypair', 'create', '--site', '3'])) as { keypair: object };
    expect(Object.keys(keypair)).not.toContain('privateKey');
    for (const noun of ['key', 'keypair', 'cloud-key', 'client', 'operator']) {
      const { stdout } = await world.run([noun, 'list', '--json']);
      expect(stdout).not.toMatch(/"(?:secret|privateKey|keyHash|keySalt|key)"/);
    }
  });
});

describe('a command line that says nothing sensible', () => {
  it.each([
    [['site', 'create', ' ']],
    [['site', 'create', 'x', '--types', 'nothing']],
    [['site', 'disable', 'three']],
    [['client', 'create', 'x', '--site', '3', '--roles', 'king']],
    [['key', 'rotate', 'everything']],
    [['key', 'rotate', 'master', '--activates-in', 'soon']],
    [['keyset', 'create', '--site', '3', '--allow', 'me']],
    [['operator', 'create', 'x', '--site', '3', '--protocol', 'tpm']],
    [['salt', 'rotate', '--date', '2026-02-30']],
    [['salt', 'rotate', '--date', 'tomorrow']],
    [['salt', 'rotate', '--fraction', '0']],
    [['salt', 'rotate', '--fraction', '101%']],
    [['client', 'create', 'x', '--site', '3', '--roles', 'MAPPER', '--environment', 'X']],
  ])('ends with 64: %j', async (args) => {
    const { exitCode, stdout } = await capture(['uid2', ...args, '--json'], { stdin: '' });
    expect([exitCode, (JSON.parse(stdout) as { error: { code: string } }).error.code]).toEqual([64, 'USAGE']);
  });

  it('ends with 1 where there is no world', async () => {
    const { exitCode, stderr } = await capture(['uid2', 'site', 'list', '--world', 'none'], { cwd: '/nowhere' });
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('/nowhere/none holds no UID2 world')]);
  });
});
