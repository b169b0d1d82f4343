import { fetchSecret } from '@holdfast/azure/secrets';
import type { FetchSecretOptions, FetchedSecret } from '@holdfast/azure/secrets';
import { DependencyError, PlatformError } from '@holdfast/base';
import type { Secret } from '@holdfast/base';

import type { OperatorKeySource } from '../config/operator-key.ts';

export type FetchSecret = (options: FetchSecretOptions) => Promise<FetchedSecret>;

/**
 * The operator key: from the configuration, or from Key Vault with the identity of this container.
 * @throws DependencyError OPERATOR_KEY_NOT_FOUND (E02) when the vault has no such secret
 * @throws DependencyError OPERATOR_KEY_FORBIDDEN (E08) when no identity gets a token, or the vault refuses it. The reference
 *   reports a missing role assignment without a code; its published table promises E08, which this keeps.
 * @throws DependencyError OPERATOR_KEY_UNAVAILABLE when the vault cannot be reached or answers something else
 */
export async function obtainOperatorKey(
  source: OperatorKeySource,
  signal: AbortSignal,
  fetch: FetchSecret = fetchSecret,
): Promise<Secret> {
  if (source.from === 'configuration') return source.key;
  const { vaultUrl, secretName } = source;
  try {
    return (await fetch({ vaultUrl, secretName, signal })).value;
  } catch (error) {
    throw error instanceof PlatformError ? keyError(error, vaultUrl, secretName) : error;
  }
}

function keyError(cause: PlatformError, vaultUrl: string, secretName: string): PlatformError {
  const where = `secret ${secretName} of ${vaultUrl}`;
  const action = cause.action ?? 'Check the vault, the secret and the identity of the operator.';
  const details = { ...cause.details, vaultCode: cause.code };
  switch (cause.code) {
    case 'SECRET_NOT_FOUND':
      return new DependencyError('OPERATOR_KEY_NOT_FOUND', `E02: OperatorKeyNotFoundError: there is no ${where}`, {
        retryable: false,
        cause,
        action,
        details: { ...details, guideCode: 'E02' },
      });
    case 'AZURE_FORBIDDEN':
    case 'AZURE_CREDENTIAL_UNAVAILABLE':
      return new DependencyError(
        'OPERATOR_KEY_FORBIDDEN',
        `E08: OperatorKeyPermissionError: the identity of this operator cannot read ${where}: ${cause.message}`,
        { retryable: false, cause, action, details: { ...details, guideCode: 'E08' } },
      );
    default:
      if (cause.family === 'config') return cause;
      return new DependencyError('OPERATOR_KEY_UNAVAILABLE', `cannot read ${where}: ${cause.message}`, {
        retryable: true,
        cause,
        action,
        details,
      });
  }
}
