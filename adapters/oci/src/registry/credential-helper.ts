import { spawn } from 'node:child_process';

import { ConfigError, errorMessage, Secret } from '@holdfast/base';
import { z } from 'zod';

import type { RegistryCredential } from './credentials.ts';

export interface CredentialHelperOptions {
  /** Longest time a helper may take, in milliseconds; 15 seconds when missing. */
  readonly timeoutMs?: number;
  /** Environment of the helper; this process's own when missing. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

const DEFAULT_TIMEOUT_MS = 15_000;
const MAX_OUTPUT_BYTES = 1024 * 1024;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** User name that says the secret is an identity token. */
const TOKEN_USER = '<token>';
const NOT_FOUND = 'credentials not found';

const answerSchema = z.object({ Username: z.string(), Secret: z.string() });

/**
 * Asks `docker-credential-<name> get` for the credentials of a server, without a shell. Undefined when it has none.
 * @throws ConfigError REGISTRY_CREDENTIALS_INVALID when the helper is missing, fails, or takes too long
 * @see docker-credential-helpers, "Development"
 */
export async function runCredentialHelper(
  name: string,
  serverUrl: string,
  options: CredentialHelperOptions = {},
): Promise<RegistryCredential | undefined> {
  if (!NAME.test(name)) throw failed(name.slice(0, 64), 'is no name of a program');
  const { status, output } = await runHelper(name, serverUrl, options);
  if (status !== 0) {
    if (output.includes(NOT_FOUND)) return undefined;
    throw failed(name, `failed with exit code ${status}`);
  }
  let json: unknown;
  try {
    json = JSON.parse(output);
  } catch {
    throw failed(name, 'answered something that is not JSON');
  }
  const parsed = answerSchema.safeParse(json);
  if (!parsed.success) throw failed(name, 'answered without Username and Secret');
  const secret = new Secret(parsed.data.Secret);
  if (parsed.data.Username === TOKEN_USER) return { kind: 'identityToken', token: secret };
  return { kind: 'basic', username: parsed.data.Username, password: secret };
}

function runHelper(
  name: string,
  serverUrl: string,
  options: CredentialHelperOptions,
): Promise<{ status: number | null; output: string }> {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  return new Promise((resolve, reject) => {
    const child = spawn(`docker-credential-${name}`, ['get'], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: options.env ?? process.env,
      windowsHide: true,
    });
    const chunks: Buffer[] = [];
    let size = 0;
    const stop = (problem: string): void => {
      child.kill('SIGKILL');
      // A grandchild may hold the pipe open: nothing more is read from it.
      child.stdout.destroy();
      reject(failed(name, problem));
    };
    const timer = setTimeout(() => stop(`did not answer within ${timeoutMs} ms`), timeoutMs);
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_OUTPUT_BYTES) stop('answered too much');
      else chunks.push(chunk);
    });
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(failed(name, `cannot be started: ${errorMessage(error)}`));
    });
    child.once('close', (status) => {
      clearTimeout(timer);
      resolve({ status, output: Buffer.concat(chunks).toString('utf8') });
    });
    // A helper that ends without reading its input says what is wrong by its exit code.
    child.stdin.on('error', () => undefined);
    child.stdin.end(serverUrl);
  });
}

function failed(name: string, problem: string): ConfigError {
  return new ConfigError(
    'REGISTRY_CREDENTIALS_INVALID',
    [`the credential helper docker-credential-${name} ${problem}`],
    {
      action: 'Install the helper that the Docker configuration names, or log in again with docker login.',
    },
  );
}
