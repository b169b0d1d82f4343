import { describe, expect, it } from 'vitest';

import { errorCodes, fetchSecret } from '../src/index.ts';
import { vaultError } from '../src/vault-error.ts';

const SUBJECT = { vaultUrl: 'https://kv1.vault.azure.net', secretName: 'operator-key' };

function sdkError(members: Record<string, unknown>): Error {
  return Object.assign(new Error('text that must not decide anything'), members);
}

function innerError(code: string): { bodyAsText: string } {
  return { bodyAsText: JSON.stringify({ error: { code: 'Forbidden', message: 'm', innererror: { code } } }) };
}

/** As the SDKs have it that read the body themselves. */
function readError(code: string): object {
  return { error: { code: 'Forbidden', message: 'm', innerError: { code } } };
}

describe('vaultError', () => {
  it.each([
    ['CredentialUnavailableError', {}, 'AZURE_CREDENTIAL_UNAVAILABLE', false],
    ['AuthenticationError', { statusCode: 401 }, 'AZURE_CREDENTIAL_UNAVAILABLE', false],
    ['AuthenticationRequiredError', {}, 'AZURE_CREDENTIAL_UNAVAILABLE', false],
    ['AggregateAuthenticationError', {}, 'AZURE_CREDENTIAL_UNAVAILABLE', false],
    ['CredentialUnavailableError', { cause: { errorCode: 'network_error' } }, 'AZURE_CREDENTIAL_UNAVAILABLE', true],
    ['RestError', { statusCode: 404, code: 'SecretNotFound' }, 'SECRET_NOT_FOUND', false],
    ['RestError', { statusCode: 401, code: 'Unauthorized' }, 'AZURE_FORBIDDEN', false],
    ['RestError', { statusCode: 403, response: innerError('ForbiddenByRbac') }, 'AZURE_FORBIDDEN', true],
    ['RestError', { statusCode: 403, response: innerError('SecretDisabled') }, 'AZURE_FORBIDDEN', false],
    ['RestError', { statusCode: 403, response: { bodyAsText: '<html>' } }, 'AZURE_FORBIDDEN', false],
    ['RestError', { statusCode: 403, details: readError('ForbiddenByRbac') }, 'AZURE_FORBIDDEN', true],
    ['RestError', { statusCode: 403, details: readError('ForbiddenByFirewall') }, 'AZURE_FORBIDDEN', false],
    ['RestError', { statusCode: 403, details: 'no object' }, 'AZURE_FORBIDDEN', false],
    ['RestError', { statusCode: 429 }, 'AZURE_UNREACHABLE', true],
    ['RestError', { statusCode: 503 }, 'AZURE_UNREACHABLE', true],
    ['RestError', { code: 'ECONNREFUSED' }, 'AZURE_UNREACHABLE', true],
    ['RestError', { statusCode: 400, code: 'BadParameter' }, 'AZURE_ANSWER_UNUSABLE', false],
    ['Error', {}, 'AZURE_ANSWER_UNUSABLE', false],
  ])('%s %o becomes %s', (name, members, code, retryable) => {
    const thrown = sdkError({ name, ...members });
    const error = vaultError(thrown, SUBJECT);
    expect([error.code, error.retryable, error.cause]).toEqual([code, retryable, thrown]);
    expect(error.action).toBeTruthy();
    expect(errorCodes[error.code]?.family).toBe(error.family);
  });

  it('something that is no object at all becomes AZURE_ANSWER_UNUSABLE', () => {
    expect(vaultError(undefined, SUBJECT).code).toBe('AZURE_ANSWER_UNUSABLE');
  });

  it('a refusal names the inner code and the action that fits it', () => {
    const thrown = sdkError({
      name: 'RestError',
      statusCode: 403,
      code: 'Forbidden',
      response: innerError('SecretDisabled'),
    });
    const error = vaultError(thrown, SUBJECT);
    expect(error.details).toMatchObject({ status: 403, vaultCode: 'Forbidden', innerCode: 'SecretDisabled' });
    expect(error.action).toBe('Enable the secret, or set a new version of it.');
  });
});

describe('fetchSecret', () => {
  it.each([
    'http://kv1.vault.azure.net',
    'kv1.vault.azure.net',
    'https://user:pass@kv1.vault.azure.net',
    'https://kv1.vault.azure.net/secrets',
    'https://kv1.vault.azure.net/?a=b',
    '',
  ])('refuses the vault address %j before anything is loaded or sent', async (vaultUrl) => {
    await expect(fetchSecret({ vaultUrl, secretName: 's' })).rejects.toMatchObject({ code: 'AZURE_VAULT_URL_INVALID' });
  });

  it('answers a signal that is aborted already with AZURE_UNREACHABLE', async () => {
    const call = fetchSecret({ vaultUrl: 'https://127.0.0.1:1', secretName: 's', signal: AbortSignal.abort() });
    await expect(call).rejects.toMatchObject({ code: 'AZURE_UNREACHABLE', retryable: false });
  });
});
