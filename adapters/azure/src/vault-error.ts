import { DependencyError } from '@holdfast/base';

/** Which secret of which vault an error is about. */
export interface SecretSubject {
  readonly vaultUrl: string;
  readonly secretName: string;
}

/** Names of the errors by which @azure/identity says that no token was to be had. */
const CREDENTIAL_ERRORS = new Set([
  'CredentialUnavailableError',
  'AuthenticationError',
  'AuthenticationRequiredError',
  'AggregateAuthenticationError',
]);

/** Whether the Azure SDKs say that no identity got a token. */
export function isCredentialError(thrown: unknown): boolean {
  const name = typeof thrown === 'object' && thrown !== null ? (thrown as SdkError).name : undefined;
  return typeof name === 'string' && CREDENTIAL_ERRORS.has(name);
}

/** What the Azure SDKs throw, as far as it is read here. Every member may be missing. */
interface SdkError {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly statusCode?: unknown;
  readonly errorCode?: unknown;
  readonly cause?: unknown;
  readonly response?: { readonly bodyAsText?: unknown };
  /** The body as newer SDKs have read it. */
  readonly details?: unknown;
}

/**
 * The typed error for anything the Azure SDKs throw while reading a secret. The SDK's own error is kept as `cause`; it is
 * told apart by name, status and code, never by its text.
 * Codes: AZURE_CREDENTIAL_UNAVAILABLE, AZURE_FORBIDDEN, SECRET_NOT_FOUND, AZURE_UNREACHABLE, AZURE_ANSWER_UNUSABLE.
 */
export function vaultError(thrown: unknown, subject: SecretSubject): DependencyError {
  const error: SdkError = typeof thrown === 'object' && thrown !== null ? thrown : {};
  const details = { vaultUrl: subject.vaultUrl, secretName: subject.secretName };
  if (typeof error.name === 'string' && CREDENTIAL_ERRORS.has(error.name)) {
    return new DependencyError('AZURE_CREDENTIAL_UNAVAILABLE', 'no Azure identity could get a token for the vault', {
      retryable: (error.cause as SdkError | undefined)?.errorCode === 'network_error',
      cause: thrown,
      details,
      action:
        'Attach the managed identity to the container group or pod, and check the client id if one is configured.',
    });
  }
  const status = typeof error.statusCode === 'number' ? error.statusCode : undefined;
  if (status !== undefined) return refusal(status, error, thrown, subject);
  if (error.name === 'RestError') {
    return new DependencyError('AZURE_UNREACHABLE', `cannot reach the vault ${subject.vaultUrl}`, {
      retryable: true,
      cause: thrown,
      details: { ...details, reason: typeof error.code === 'string' ? error.code : null },
      action: 'Check name resolution and egress rules for the vault, and that its certificate is trusted.',
    });
  }
  return new DependencyError('AZURE_ANSWER_UNUSABLE', `the answer of ${subject.vaultUrl} cannot be used`, {
    retryable: false,
    cause: thrown,
    details,
    action: 'Check that the address belongs to a Key Vault; the cause names what was received.',
  });
}

function refusal(status: number, error: SdkError, cause: unknown, subject: SecretSubject): DependencyError {
  const { vaultUrl, secretName } = subject;
  const vaultCode = typeof error.code === 'string' ? error.code : null;
  const details = { vaultUrl, secretName, status, vaultCode };
  if (status === 404) {
    return new DependencyError('SECRET_NOT_FOUND', `the vault ${vaultUrl} has no secret named ${secretName}`, {
      retryable: false,
      cause,
      details,
      action: 'Check the name of the vault and of the secret.',
    });
  }
  if (status === 401 || status === 403) {
    const innerCode = innerErrorCode(error.details) ?? innerErrorCode(parsedBody(error.response?.bodyAsText));
    return new DependencyError(
      'AZURE_FORBIDDEN',
      `the vault ${vaultUrl} refuses this identity the secret ${secretName}`,
      {
        // Role assignments take minutes to reach a vault, so the same call can succeed later.
        retryable: innerCode === 'ForbiddenByRbac',
        cause,
        details: { ...details, innerCode: innerCode ?? null },
        action: forbiddenAction(innerCode),
      },
    );
  }
  if (status === 408 || status === 429 || status >= 500) {
    return new DependencyError('AZURE_UNREACHABLE', `the vault ${vaultUrl} answered with status ${status}`, {
      retryable: true,
      cause,
      details,
      action: 'Wait and try again; if it lasts, check the health of the vault.',
    });
  }
  return new DependencyError('AZURE_ANSWER_UNUSABLE', `the vault ${vaultUrl} answered with status ${status}`, {
    retryable: false,
    cause,
    details,
    action: 'Check the address of the vault and the name of the secret.',
  });
}

function forbiddenAction(innerCode: string | undefined): string {
  switch (innerCode) {
    case 'SecretDisabled':
      return 'Enable the secret, or set a new version of it.';
    case 'ForbiddenByFirewall':
    case 'ForbiddenByConnection':
      return 'Allow the network of the workload in the vault, or give the vault a private endpoint in that network.';
    case 'AccessDenied':
      return 'Give the identity the secret permission "get" in an access policy of the vault.';
    default:
      return 'Give the identity the role "Key Vault Secrets User" on the vault; a new role can take minutes to work.';
  }
}

interface VaultErrorBody {
  readonly error?: {
    /** As the vault writes it. */
    readonly innererror?: { readonly code?: unknown };
    /** As the SDKs name it once they have read it. */
    readonly innerError?: { readonly code?: unknown };
  };
}

/** The code inside the error of a Key Vault's answer, which says why it was refused. */
function innerErrorCode(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { error } = body as VaultErrorBody;
  const code = error?.innerError?.code ?? error?.innererror?.code;
  return typeof code === 'string' ? code : undefined;
}

function parsedBody(body: unknown): unknown {
  if (typeof body !== 'string') return undefined;
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined; // a proxy's HTML page, for example: the status alone decides
  }
}
