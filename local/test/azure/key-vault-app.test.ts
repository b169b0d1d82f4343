import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { loadVectors } from '@holdfast/base/testing';
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { buildKeyVaultApp, openKeyVault, openTokenIssuer } from '../../src/azure/index.ts';
import type { KeyVault, TokenIssuer, VaultProperties } from '../../src/azure/index.ts';

const CHALLENGE = 'Bearer authorization="https://127.0.0.1:8443/t1", resource="https://vault.azure.net"';
const OFFICER: VaultProperties = {
  enableRbacAuthorization: true,
  roleAssignments: [{ principalId: 'O', role: 'Key Vault Secrets Officer' }],
};

describe('buildKeyVaultApp', () => {
  let folder: string;
  let file: string;
  let tokenIssuer: TokenIssuer;
  let vault: KeyVault;
  let app: FastifyInstance;
  let properties: VaultProperties;
  let runs = 0;
  const clock = (): number => 1_700_000_000_000;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-vault-'));
    tokenIssuer = await openTokenIssuer({ folder, tenantId: 't1', authorityUrl: 'https://127.0.0.1:8443', clock });
  });
  beforeEach(async () => {
    runs += 1;
    file = join(folder, `run-${runs}`, 'vault.json');
    vault = await openKeyVault({ file, clock });
    properties = OFFICER;
    app = buildKeyVaultApp({ vault, tokenIssuer, vaultUrl: 'https://127.0.0.1:8444', properties: () => properties });
  });
  afterAll(async () => rm(folder, { recursive: true }));

  const bearer = (resource = 'https://vault.azure.net', objectId = 'o'): string =>
    `Bearer ${
      tokenIssuer.issueAccessToken({ resource, clientId: 'c', objectId, lifeSeconds: 60, clientAuthentication: '2' })
        .accessToken
    }`;
  const call = async (method: 'GET' | 'PUT' | 'PATCH' | 'POST' | 'DELETE', path: string, more: InjectOptions = {}) =>
    app.inject({
      method,
      url: `${path}${path.includes('?') ? '&' : '?'}api%2Dversion=2026-04-01`,
      ...more,
      headers: { authorization: bearer(), ...more.headers },
    });
  const put = async (name: string, payload: object): Promise<LightMyRequestResponse> =>
    call('PUT', `/secrets/${name}`, { payload });

  describe('authentication', () => {
    it.each([
      ['GET', '/'],
      ['GET', '/secrets/x'],
      ['PUT', '/secrets/x'],
      ['GET', '/no/such/path'],
    ] as const)('challenges %s %s without a token, before anything else is looked at', async (method, url) => {
      const answer = await app.inject({ method, url, headers: { 'content-type': 'application/json' } });
      expect([answer.statusCode, answer.headers['www-authenticate'], answer.json()]).toEqual([
        401,
        CHALLENGE,
        { error: { code: 'Unauthorized', message: 'AKV10000: Request is missing a Bearer or PoP token.' } },
      ]);
    });

    it('refuses a token for another audience, and one that is no token', async () => {
      const other = await call('GET', '/secrets/x', {
        headers: { authorization: bearer('https://management.azure.com') },
      });
      expect([other.statusCode, other.headers['www-authenticate'], other.json()]).toMatchObject([
        401,
        CHALLENGE,
        { error: { code: 'Unauthorized', message: expect.stringContaining('AKV10022') as string } },
      ]);
      const junk = await call('GET', '/secrets/x', { headers: { authorization: 'Bearer a.b.c' } });
      expect([junk.statusCode, junk.headers['www-authenticate']]).toEqual([401, CHALLENGE]);
    });

    it('accepts a token whose audience ends with a slash', async () => {
      await vault.setSecret('x', 'v');
      const answer = await call('GET', '/secrets/x', {
        headers: { authorization: bearer('https://vault.azure.net/') },
      });
      expect(answer.statusCode).toBe(200);
    });
  });

  describe('authorisation', () => {
    const refusal = async (objectId = 'o'): Promise<unknown> => {
      await vault.setSecret('x', 'canary-value');
      const answer = await call('GET', '/secrets/x', { headers: { authorization: bearer(undefined, objectId) } });
      expect(answer.body).not.toContain('canary-value');
      return [answer.statusCode, answer.json<{ error: unknown }>().error];
    };

    it('refuses a principal without a role with ForbiddenByRbac, naming the action', async () => {
      expect(await refusal('nobody')).toMatchObject([
        403,
        {
          code: 'Forbidden',
          innererror: { code: 'ForbiddenByRbac' },
          message: expect.stringContaining('Microsoft.KeyVault/vaults/secrets/getSecret/action') as string,
        },
      ]);
    });

    it('refuses a principal without an access policy with AccessDenied, naming the permission', async () => {
      properties = {
        enableRbacAuthorization: false,
        accessPolicies: [{ objectId: 'o', permissions: { secrets: ['list'] } }],
      };
      expect(await refusal()).toMatchObject([
        403,
        { innererror: { code: 'AccessDenied' }, message: expect.stringContaining('secrets get permission') as string },
      ]);
    });

    it('lets an access policy in when that model is on, and a permission in any case', async () => {
      properties = {
        enableRbacAuthorization: false,
        accessPolicies: [{ objectId: 'O', permissions: { secrets: ['Get'] } }],
      };
      await vault.setSecret('x', 'v');
      expect((await call('GET', '/secrets/x')).statusCode).toBe(200);
      expect((await call('DELETE', '/secrets/x')).statusCode).toBe(403);
    });

    it('lets a Secrets User read and list, and do nothing else', async () => {
      properties = {
        enableRbacAuthorization: true,
        roleAssignments: [{ principalId: 'o', role: 'Key Vault Secrets User' }],
      };
      await vault.setSecret('x', 'v');
      expect((await call('GET', '/secrets/x')).statusCode).toBe(200);
      expect((await call('GET', '/secrets')).statusCode).toBe(200);
      expect((await put('x', { value: 'w' })).statusCode).toBe(403);
      expect((await call('DELETE', '/secrets/x')).statusCode).toBe(403);
    });

    it('judges the network before the permission, and both before the object', async () => {
      properties = { ...OFFICER, publicNetworkAccess: 'Disabled' };
      expect(await refusal('nobody')).toMatchObject([403, { innererror: { code: 'ForbiddenByConnection' } }]);
    });
  });

  describe('secrets', () => {
    it('sets and reads versions, by name in any case, with and without a trailing slash', async () => {
      const first = await put('Operator-Key', { value: 'one', contentType: 'text/plain', tags: { a: 'b' } });
      expect([first.statusCode, first.json()]).toMatchObject([
        200,
        {
          value: 'one',
          contentType: 'text/plain',
          tags: { a: 'b' },
          attributes: {
            enabled: true,
            created: 1_700_000_000,
            updated: 1_700_000_000,
            recoveryLevel: 'Recoverable+Purgeable',
            recoverableDays: 90,
          },
        },
      ]);
      const { id } = first.json<{ id: string }>();
      expect(id).toMatch(/^https:\/\/127\.0\.0\.1:8444\/secrets\/Operator-Key\/[0-9a-f]{32}$/);
      await put('operator-key', { value: 'two' });
      expect((await call('GET', '/secrets/operator-key/')).json()).toMatchObject({ value: 'two' });
      expect((await call('GET', new URL(id).pathname)).json()).toMatchObject({ value: 'one' });
      const versions = await call('GET', '/secrets/operator-key/versions');
      expect(versions.json<{ value: unknown[] }>().value).toHaveLength(2);
      expect(versions.body).not.toContain('"value":"');
    });

    it('answers 404 SecretNotFound for an unknown name and version, 403 SecretDisabled for a disabled secret', async () => {
      expect([
        (await call('GET', '/secrets/none')).statusCode,
        (await call('GET', '/secrets/none')).json(),
      ]).toMatchObject([404, { error: { code: 'SecretNotFound' } }]);
      await put('x', { value: 'v' });
      expect((await call('GET', `/secrets/x/${'0'.repeat(32)}`)).statusCode).toBe(404);
      await call('PATCH', '/secrets/x/', { payload: { attributes: { enabled: false } } });
      const disabled = await call('GET', '/secrets/x');
      expect([disabled.statusCode, disabled.json()]).toMatchObject([
        403,
        { error: { code: 'Forbidden', innererror: { code: 'SecretDisabled' } } },
      ]);
    });

    it('deletes, keeps the name, recovers and purges', async () => {
      await put('x', { value: 'v' });
      const deleted = await call('DELETE', '/secrets/x');
      expect(deleted.json()).toMatchObject({
        recoveryId: 'https://127.0.0.1:8444/deletedsecrets/x',
        deletedDate: 1_700_000_000,
        scheduledPurgeDate: 1_707_776_000,
      });
      expect((await call('GET', '/secrets/x')).statusCode).toBe(404);
      const conflict = await put('x', { value: 'w' });
      expect([conflict.statusCode, conflict.json()]).toMatchObject([
        409,
        { error: { code: 'Conflict', innererror: { code: 'ObjectIsDeletedButRecoverable' } } },
      ]);
      expect((await call('POST', '/deletedsecrets/x/recover')).statusCode).toBe(200);
      expect((await call('GET', '/secrets/x')).json()).toMatchObject({ value: 'v' });
      await call('DELETE', '/secrets/x');
      expect((await call('DELETE', '/deletedsecrets/x')).statusCode).toBe(204);
      expect((await call('GET', '/deletedsecrets/x')).statusCode).toBe(404);
      expect((await put('x', { value: 'w' })).statusCode).toBe(200);
    });

    it('pages lists through nextLink', async () => {
      for (const name of ['a', 'b', 'c']) await put(name, { value: 'v' });
      const page = (await call('GET', '/secrets?maxresults=2')).json<{ value: { id: string }[]; nextLink: string }>();
      expect(page.value.map(({ id }) => id)).toEqual([
        'https://127.0.0.1:8444/secrets/a',
        'https://127.0.0.1:8444/secrets/b',
      ]);
      const next = new URL(page.nextLink);
      const rest = await app.inject({ url: next.pathname + next.search, headers: { authorization: bearer() } });
      expect(rest.json()).toMatchObject({ value: [{ id: 'https://127.0.0.1:8444/secrets/c' }], nextLink: null });
    });

    it.each([
      ['a name with an underscore', 'PUT', '/secrets/a_b', { payload: { value: 'v' } }, 400],
      ['a name of 128 characters', 'PUT', `/secrets/${'a'.repeat(128)}`, { payload: { value: 'v' } }, 400],
      ['no value', 'PUT', '/secrets/a', { payload: {} }, 400],
      ['a value that is no text', 'PUT', '/secrets/a', { payload: { value: 1 } }, 400],
      ['a value over 25 KiB', 'PUT', '/secrets/a', { payload: { value: 'a'.repeat(25 * 1024 + 1) } }, 400],
      [
        'an expiry before the start',
        'PUT',
        '/secrets/a',
        { payload: { value: 'v', attributes: { nbf: 2, exp: 1 } } },
        400,
      ],
      [
        'broken JSON',
        'PUT',
        '/secrets/a',
        { payload: '{"value":', headers: { 'content-type': 'application/json' } },
        400,
      ],
      [
        'no JSON type',
        'PUT',
        '/secrets/a',
        { payload: '{"value":"v"}', headers: { 'content-type': 'text/plain' } },
        415,
      ],
      ['a body over the limit', 'PUT', '/secrets/a', { payload: { value: 'a'.repeat(300 * 1024) } }, 413],
      ['maxresults 0', 'GET', '/secrets?maxresults=0', {}, 400],
      ['a skip token that is no number', 'GET', '/secrets?$skiptoken=x', {}, 400],
    ] as const)('refuses %s', async (_what, method, path, more, status) => {
      const answer = await call(method, path, more);
      expect([answer.statusCode, answer.json<{ error: { message: string } }>().error.message.length > 0]).toEqual([
        status,
        true,
      ]);
      expect(vault.listSecrets()).toEqual([]);
    });

    it('refuses a missing or malformed api-version with 400 BadParameter', async () => {
      for (const url of ['/secrets', '/secrets?api-version=next']) {
        const answer = await app.inject({ url, headers: { authorization: bearer() } });
        expect([answer.statusCode, answer.json()]).toMatchObject([400, { error: { code: 'BadParameter' } }]);
      }
      for (const version of ['7.3', '7.6-preview.2', '2025-07-01', '2027-01-01']) {
        const answer = await app.inject({
          url: `/secrets?api-version=${version}`,
          headers: { authorization: bearer() },
        });
        expect(answer.statusCode).toBe(200);
      }
    });
  });

  describe('the file', () => {
    it('holds all secrets at mode 0600, and a vault opened again knows them', async () => {
      await Promise.all(['a', 'b', 'c', 'd'].map(async (name) => vault.setSecret(name, `value of ${name}`)));
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      const again = await openKeyVault({ file, clock });
      expect(again.listSecrets()).toEqual(vault.listSecrets());
      expect(again.getSecret('c').value).toBe('value of c');
    });

    it.each(['{', '[]', '{"version":2,"secrets":[]}', '{"version":1,"secrets":[{"name":"x","versions":[]}]}'])(
      'is refused when it holds %s, and left as it is',
      async (content) => {
        await writeFile(file, content);
        await expect(openKeyVault({ file, clock })).rejects.toMatchObject({
          code: 'LOCAL_VAULT_UNREADABLE',
          details: { file },
        });
        expect(await readFile(file, 'utf8')).toBe(content);
      },
    );

    it('is not quoted in the error, whatever it holds', async () => {
      await writeFile(file, '{"version":1,"secrets":[{"name":"x","versions":[{"value":"canary');
      const error: unknown = await openKeyVault({ file, clock }).catch((thrown: unknown) => thrown);
      expect(String(error)).not.toContain('canary');
    });
  });

  const vectors = loadVectors('identity.json') as
    | { cases: { id: string; input: Record<string, unknown>; expect: Record<string, unknown> }[] }
    | undefined;
  describe.skipIf(vectors === undefined)('known answers', () => {
    const vector = (id: string): { input: Record<string, unknown>; expect: Record<string, unknown> } => {
      const found = vectors?.cases.find((known) => known.id === id);
      if (found === undefined) throw new Error(`no vector ${id}`);
      return found;
    };

    it('KE-01 first request without token is challenged', async () => {
      const { input, expect: expected } = vector('KE-01');
      const answer = await app.inject(input['path'] as string);
      const header = String(answer.headers['www-authenticate']);
      expect([answer.statusCode, header.replace('https://127.0.0.1:8443/t1', 'https://<authority>/<tenant>')]).toEqual([
        expected['status'],
        expected['wwwAuthenticate'],
      ]);
    });

    it('KE-02 percent-encoded query name is understood, trailing slash means newest version', async () => {
      const { input, expect: expected } = vector('KE-02');
      await vault.setSecret('redis-pwd', 'v');
      const answer = await app.inject({ url: input['path'] as string, headers: { authorization: bearer() } });
      expect(answer.statusCode).toBe(expected['status']);
      expect(Object.keys(answer.json<object>())).toEqual(expect.arrayContaining(expected['jsonHas'] as string[]));
    });

    it.each(['KE-03', 'KE-05'])('%s refusals', async (id) => {
      const { input, expect: expected } = vector(id);
      await vault.setSecret('x', 'v');
      const given = input['vault'] as Omit<Partial<VaultProperties>, 'accessPolicies'> & {
        accessPolicies?: { objectId: string; secrets: string[] }[];
      };
      const accessPolicies = (given.accessPolicies ?? []).map(({ objectId, secrets }) => ({
        objectId,
        permissions: { secrets },
      }));
      properties = { enableRbacAuthorization: true, ...given, accessPolicies };
      const answer = await call('GET', '/secrets/x');
      expect([answer.statusCode, answer.json()]).toMatchObject([
        expected['status'],
        { error: { code: expected['code'], innererror: { code: expected['innererror'] } } },
      ]);
    });
  });
});
