import { lookup } from 'node:dns/promises';

import { ConfigError, DependencyError, errorMessage } from '@holdfast/base';
import { HttpClient } from '@holdfast/http';

import type { LaunchSettings } from './launch-settings.ts';

const KEY_SHAPE = /^(?:UID2|EUID)-.-([IPL])-\d+-.*$/s;
const REACH_TIMEOUT_MS = 5_000;

/**
 * Whether the operator key was issued for this environment: the third segment is `I` for integ and for debug mode, `P`
 * otherwise. Keys of another shape are not checked.
 * @throws ConfigError OPERATOR_KEY_ENVIRONMENT (E05)
 */
export function checkOperatorKey(key: string, settings: Pick<LaunchSettings, 'environment' | 'debugMode'>): void {
  const letter = KEY_SHAPE.exec(key)?.[1];
  if (letter === undefined) return;
  const expected = settings.debugMode || settings.environment === 'integ' ? 'I' : 'P';
  if (letter === expected) return;
  throw new ConfigError(
    'OPERATOR_KEY_ENVIRONMENT',
    [
      `E05: OperatorKeyValidationError: the operator key is for environment ${letter}, ` +
        `but ${settings.environment} needs a key for ${expected}`,
    ],
    {
      details: { guideCode: 'E05', environment: settings.environment },
      action: 'Store the operator key that was issued for this environment in the vault.',
    },
  );
}

/**
 * Whether Core answers at all: its name resolves and a GET gets any status within 5 s. (The reference also fails here when
 * the address has a port; this does not.)
 * @throws DependencyError UID2_SERVICES_UNREACHABLE (E06)
 */
export async function checkCoreReachable(coreUrl: string): Promise<void> {
  const { hostname } = new URL(coreUrl);
  let address = '';
  const http = new HttpClient({ connectTimeoutMs: REACH_TIMEOUT_MS });
  try {
    address = (await lookup(hostname.replace(/^\[|\]$/g, ''))).address;
    await http.send({ url: coreUrl, timeoutMs: REACH_TIMEOUT_MS });
  } catch (cause) {
    if (cause instanceof DependencyError && cause.code === 'HTTP_ANSWER_TOO_LARGE') return; // it did answer
    const seen = address === '' ? hostname : `${hostname} (${address})`;
    throw new DependencyError(
      'UID2_SERVICES_UNREACHABLE',
      `E06: UID2ServicesUnreachableError: Core at ${seen} does not answer: ${errorMessage(cause)}`,
      {
        retryable: true,
        cause,
        details: { guideCode: 'E06', host: hostname, address },
        action: 'Open the egress firewall for the hosts of Core and Opt-Out, and check name resolution.',
      },
    );
  } finally {
    await http.close();
  }
}
