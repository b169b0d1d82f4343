import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { ConfigError, errorMessage, fromBase64, fromUtf8, Secret } from '@holdfast/base';
import { z } from 'zod';

import { runCredentialHelper } from './credential-helper.ts';
import type { CredentialHelperOptions } from './credential-helper.ts';
import type { CredentialSource, RegistryCredential } from './credentials.ts';

export interface DockerConfigOptions {
  /** Folder with `config.json`; `.docker` in the home folder when missing. */
  readonly folder?: string;
  readonly helper?: CredentialHelperOptions;
}

const entrySchema = z.object({
  auth: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  identitytoken: z.string().optional(),
  registrytoken: z.string().optional(),
});
const configSchema = z.object({
  auths: z.record(z.string(), entrySchema).optional(),
  credHelpers: z.record(z.string(), z.string()).optional(),
  credsStore: z.string().optional(),
});
type DockerConfig = z.infer<typeof configSchema>;
type ConfigEntry = z.infer<typeof entrySchema>;

/** The name under which Docker keeps the credentials of Docker Hub. */
const DOCKER_HUB_KEY = 'https://index.docker.io/v1/';
const DOCKER_HUB_NAMES = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com']);

/**
 * Credentials as `docker login` left them: from the credential helper of the registry, else from the credentials store, else
 * from the file itself. The file is read at the first use; without one everything is anonymous.
 *
 * The returned function rejects with ConfigError REGISTRY_CREDENTIALS_INVALID.
 * @see Docker CLI, "docker login", "Credential stores"
 */
export function dockerCredentials(options: DockerConfigOptions = {}): CredentialSource {
  let loaded: Promise<DockerConfig> | undefined;
  return async (host) => {
    loaded ??= loadDockerConfig(join(options.folder ?? join(homedir(), '.docker'), 'config.json'));
    return findCredential(await loaded, host, options.helper);
  };
}

async function loadDockerConfig(file: string): Promise<DockerConfig> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw invalid(file, `cannot be read: ${errorMessage(cause)}`);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // The parser's own message would repeat part of the file, which holds passwords.
    throw invalid(file, 'is not JSON');
  }
  const parsed = configSchema.safeParse(json);
  if (!parsed.success)
    throw invalid(file, `has an unexpected value at ${parsed.error.issues[0]?.path.join('.') ?? ''}`);
  return parsed.data;
}

async function findCredential(
  config: DockerConfig,
  host: string,
  helperOptions: CredentialHelperOptions | undefined,
): Promise<RegistryCredential | undefined> {
  const helper = findForHost(config.credHelpers, host) ?? config.credsStore;
  if (helper !== undefined && helper !== '') {
    const serverUrl = host === 'docker.io' ? DOCKER_HUB_KEY : host;
    const credential = await runCredentialHelper(helper, serverUrl, helperOptions);
    if (credential !== undefined) return credential;
  }
  const entry = findForHost(config.auths, host);
  return entry === undefined ? undefined : toCredential(entry, host);
}

/** Keys are hosts, or URLs whose scheme and path do not matter. */
function findForHost<T>(table: Readonly<Record<string, T>> | undefined, host: string): T | undefined {
  for (const [key, value] of Object.entries(table ?? {})) if (hostOfKey(key) === host) return value;
  return undefined;
}

function hostOfKey(key: string): string {
  const host = key.replace(/^https?:\/\//, '').split('/', 1)[0] ?? '';
  return DOCKER_HUB_NAMES.has(host) ? 'docker.io' : host;
}

function toCredential(entry: ConfigEntry, host: string): RegistryCredential | undefined {
  if (isFilled(entry.registrytoken)) return { kind: 'registryToken', token: new Secret(entry.registrytoken) };
  if (isFilled(entry.identitytoken)) return { kind: 'identityToken', token: new Secret(entry.identitytoken) };
  if (isFilled(entry.auth)) return decodeAuth(entry.auth, host);
  if (isFilled(entry.username) && entry.password !== undefined) {
    return { kind: 'basic', username: entry.username, password: new Secret(entry.password) };
  }
  return undefined;
}

function decodeAuth(auth: string, host: string): RegistryCredential {
  let text: string;
  try {
    text = fromUtf8(fromBase64(auth));
  } catch {
    throw invalid('the Docker configuration', `has an auth for ${host} that is not Base64`);
  }
  const colon = text.indexOf(':');
  if (colon < 0) throw invalid('the Docker configuration', `has an auth for ${host} without a colon`);
  // Docker pads passwords with NUL characters.
  const password = new Secret(text.slice(colon + 1).replaceAll('\0', ''));
  return { kind: 'basic', username: text.slice(0, colon), password };
}

function isFilled(text: string | undefined): text is string {
  return text !== undefined && text !== '';
}

function invalid(file: string, problem: string): ConfigError {
  return new ConfigError('REGISTRY_CREDENTIALS_INVALID', [`${file} ${problem}`], {
    action: 'Correct the file, or log in again with docker login.',
  });
}
