import { inspect } from 'node:util';

import { Secret } from '@holdfast/base';
import type { VaultPort } from '@holdfast/deployment';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { AzureError, createVaultClient } from '../src/index.ts';
import { startScriptedAzure } from '../testing/scripted-azure.ts';
import type { ScriptedAnswer, ScriptedAzure, Script } from '../testing/scripted-azure.ts';

const VAULT = 'https://kv1.vault.azure.net/';
const CANARY = 'canary-value-of-a-secret';

let azure: ScriptedAzure;
let vault: VaultPort;

beforeAll(async () => {
  azure = await startScriptedAzure();
});
afterAll(async () => {
  await azure.close();
});

/** A vault answers the first request with a challenge, and the same request with a token after it. */
function use(script: Script): void {
  const challenge: ScriptedAnswer = {
    status: 401,
    headers: {
      'www-authenticate':
        'Bearer authorization="https://login.microsoftonline.com/tenant-id", resource="https://vault.azure.net"',
    },
  };
  azure.use((request) => (request.headers.authorization === undefined ? challenge : script(request)));
  const { credential, httpClient } = azure;
  vault = createVaultClient({ credential, httpClient, maxRetries: 0 });
}

function secret(version: string, created: number, more: object = {}): object {
  return {
    id: `${VAULT}secrets/key/${version}`,
    attributes: { enabled: true, created },
    tags: { slot: version },
    ...more,
  };
}

function refuse(status: number, code: string, inner?: string): Script {
  const error = { code, message: `no: ${CANARY}`, ...(inner === undefined ? {} : { innererror: { code: inner } }) };
  return () => ({ status, body: { error } });
}

async function failure(work: Promise<unknown>): Promise<AzureError> {
  const thrown: unknown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(thrown instanceof AzureError)) throw new Error(`expected an AzureError, got ${String(thrown)}`);
  return thrown;
}

describe('secretVersions', () => {
  it('answers all pages, newest first, and never asks for a value', async () => {
    use(({ query }) =>
      query.get('page') === '2'
        ? { body: { value: [secret('v3', 300)] } }
        : { body: { value: [secret('v1', 100), secret('v2', 200)], nextLink: `${VAULT}secrets/key/versions?page=2` } },
    );
    const versions = await vault.secretVersions(VAULT, 'key');
    expect(versions.map(({ version }) => version)).toEqual(['v3', 'v2', 'v1']);
    expect(versions[0]).toEqual({ version: 'v3', enabled: true, tags: { slot: 'v3' }, createdAt: 300_000 });
    expect(azure.received.every(({ path }) => path === '/secrets/key/versions')).toBe(true);
  });

  it('answers none for a secret that does not exist', async () => {
    use(refuse(404, 'SecretNotFound'));
    expect(await vault.secretVersions(VAULT, 'key')).toEqual([]);
  });
});

describe('setSecret, getSecret, setEnabled', () => {
  it('sets a value with its tags; the request before the token has no body', async () => {
    use(({ body }) => ({ body: { ...secret('v1', 1), ...(JSON.parse(body) as object) } }));
    const version = await vault.setSecret(VAULT, 'key', new Secret(CANARY), { fingerprint: 'f' });
    expect(version).toMatchObject({ version: 'v1', tags: { fingerprint: 'f' } });
    expect(azure.received.map(({ body }) => body.includes('canary'))).toEqual([false, true]);
    expect(azure.received[1]?.query.get('api-version')).toBe('7.6');
  });

  it('answers a value as something that does not print', async () => {
    use(() => ({ body: secret('v1', 1, { value: CANARY }) }));
    const value = await vault.getSecret(VAULT, 'key', 'v1');
    expect(value.reveal()).toBe(CANARY);
    expect(inspect(value)).toBe('[secret]');
    expect(azure.received.at(-1)?.path).toBe('/secrets/key/v1');
  });

  it('disables one version', async () => {
    use(() => ({ body: secret('v1', 1) }));
    await vault.setEnabled(VAULT, 'key', 'v1', false);
    const { method, path, body } = azure.received.at(-1) ?? {};
    expect([method, path, JSON.parse(body ?? '')]).toEqual([
      'PATCH',
      '/secrets/key/v1',
      { attributes: { enabled: false } },
    ]);
  });
});

describe('refusals', () => {
  it.each([
    ['ForbiddenByRbac', true],
    ['ForbiddenByFirewall', false],
    ['ForbiddenByConnection', false],
    ['SecretDisabled', false],
  ])('tells %s apart, which stands only in the body', async (inner, retryable) => {
    use(refuse(403, 'Forbidden', inner));
    const error = await failure(vault.getSecret(VAULT, 'key'));
    expect([error.code, error.problem.code, error.problem.path, error.retryable]).toEqual([
      'AZURE_REFUSED',
      inner,
      ['Forbidden'],
      retryable,
    ]);
    expect(error.action).toBeTruthy();
  });

  it('names a secret of the same name that is deleted and can come back', async () => {
    use(refuse(409, 'Conflict', 'ObjectIsDeletedButRecoverable'));
    const error = await failure(vault.setSecret(VAULT, 'key', new Secret('x'), {}));
    expect(error.problem.code).toBe('ObjectIsDeletedButRecoverable');
  });

  it('an error of setting never holds the value, even when the vault repeats it', async () => {
    use(refuse(400, 'BadParameter'));
    const error = await failure(vault.setSecret(VAULT, 'key', new Secret(CANARY), {}));
    expect(`${inspect(error, { depth: 20 })}${error.stack ?? ''}${JSON.stringify(error.details)}`).not.toContain(
      'canary',
    );
  });

  it('a challenge of another domain than the vault gets no token', async () => {
    azure.use(() => ({
      status: 401,
      headers: {
        'www-authenticate':
          'Bearer authorization="https://login.microsoftonline.com/t", resource="https://evil.example"',
      },
    }));
    const { credential, httpClient } = azure;
    await failure(createVaultClient({ credential, httpClient, maxRetries: 0 }).getSecret(VAULT, 'key'));
    expect(azure.received.every(({ headers }) => headers.authorization === undefined)).toBe(true);
  });

  it('refuses an address that is no vault before anything is sent', async () => {
    use(() => undefined);
    await expect(vault.getSecret('http://kv1.vault.azure.net', 'key')).rejects.toMatchObject({
      code: 'AZURE_VAULT_URL_INVALID',
    });
    expect(azure.received).toEqual([]);
  });
});
