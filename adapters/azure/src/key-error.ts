import { DependencyError, PlatformError } from '@holdfast/base';

import { isCredentialError } from './vault-error.ts';

/** What the Azure SDKs throw, as far as it is read here. Every member may be missing. */
interface SdkError {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly statusCode?: unknown;
  readonly message?: unknown;
}

/**
 * The typed error for anything the key SDK throws. What the vault says about a refused request is part of the message: it
 * is for the person who administrates the vault, and holds no secrets.
 * Codes: AZURE_CREDENTIAL_UNAVAILABLE, AZURE_FORBIDDEN, AZURE_KEY_NOT_FOUND, AZURE_KEY_REFUSED, AZURE_UNREACHABLE.
 */
export function keyError(
  thrown: unknown,
  subject: { readonly vaultUrl: string; readonly keyName: string },
): PlatformError {
  if (thrown instanceof PlatformError) return thrown;
  const error: SdkError = typeof thrown === 'object' && thrown !== null ? thrown : {};
  const { vaultUrl, keyName } = subject;
  const status = typeof error.statusCode === 'number' ? error.statusCode : undefined;
  const details = {
    vaultUrl,
    keyName,
    status: status ?? null,
    vaultCode: typeof error.code === 'string' ? error.code : null,
  };
  const said = typeof error.message === 'string' ? error.message.slice(0, 500) : '';
  if (isCredentialError(thrown)) {
    return new DependencyError('AZURE_CREDENTIAL_UNAVAILABLE', 'no Azure identity could get a token for the vault', {
      retryable: false,
      cause: thrown,
      details,
      action: 'Sign in with az login, or set the variables that the Azure SDKs read.',
    });
  }
  if (status === 404) {
    return new DependencyError('AZURE_KEY_NOT_FOUND', `the vault ${vaultUrl} has no key ${keyName}`, {
      retryable: false,
      cause: thrown,
      details,
      action: 'Check the name of the vault and of the key.',
    });
  }
  if (status === 401 || status === 403) {
    return new DependencyError('AZURE_FORBIDDEN', `the vault ${vaultUrl} refuses: ${said}`, {
      retryable: false,
      cause: thrown,
      details,
      action:
        'Give the identity a role for keys, such as "Key Vault Crypto Officer"; for a release, compare token and policy.',
    });
  }
  if (status !== undefined && status >= 400 && status < 500 && status !== 408 && status !== 429) {
    return new DependencyError('AZURE_KEY_REFUSED', `the vault ${vaultUrl} refuses the request: ${said}`, {
      retryable: false,
      cause: thrown,
      details,
      action: 'Correct what the message names.',
    });
  }
  return new DependencyError('AZURE_UNREACHABLE', `cannot reach the vault ${vaultUrl}: ${said}`, {
    retryable: true,
    cause: thrown,
    details,
    action: 'Check the address of the vault, name resolution, and that its certificate is trusted.',
  });
}
