import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { runHoldfast } from './holdfast-process.ts';
import { startService } from './service-start.ts';
import type { StartedService } from './service-start.ts';

/** Ports on 127.0.0.1; Opt-Out also takes the one after its own. */
export interface ReferencePorts {
  readonly core: number;
  readonly optout: number;
  readonly operator: number;
}

/** The ports that the reference suite expects when it runs everything on one machine. */
export const REFERENCE_PORTS: ReferencePorts = { core: 8088, optout: 8081, operator: 8888 };

export interface ReferenceStack {
  /** The suite's variables for this stack, secrets included. */
  readonly variables: Readonly<Record<string, string>>;
  /** An operator key that is disabled. The suite knows one of its own world. */
  readonly disabledOperatorKey: string;
  stop(): Promise<void>;
}

interface ClientKey {
  readonly apiKey: string;
  readonly secret: string;
}

interface Credentials {
  readonly client: ClientKey & { readonly siteId: number };
  readonly clients: readonly (ClientKey & { readonly name: string })[];
  readonly publicOperatorKey: string;
  readonly optoutServiceKey: string;
}

const MAIN_SITE_ID = 3;
const ADMINISTRATION_SITE_ID = 7;
const ORIGIN = 'https://example.com';
const OTHER_ORIGIN = 'https://example.org';

/**
 * Core, Opt-Out and a public operator over a seeded home folder, arranged as the end-to-end suite of the UID2 reference
 * (uid2-e2e) wants its "local" deployment: one participant with every role, one it shares with, one it does not share with, a
 * client-side key pair, trusted operator keys, and services that take them without attestation. For tests only: whoever holds
 * a trusted key gets everything. The home folder must not be in use; it is changed.
 */
export async function startReferenceStack(home: string, ports: ReferencePorts): Promise<ReferenceStack> {
  const credentials = JSON.parse(readFileSync(join(home, 'credentials.json'), 'utf8')) as Credentials;
  const sharer = credentials.clients.find(({ name }) => name === 'Plankton sharer');
  if (sharer === undefined) throw new Error('the local world has no sharer');
  const world = await arrangeWorld(home);
  const urls = {
    core: `http://127.0.0.1:${ports.core}`,
    optout: `http://127.0.0.1:${ports.optout}`,
    operator: `http://127.0.0.1:${ports.operator}`,
  };
  const internalKey = randomBytes(24).toString('base64url');
  const started: StartedService[] = [];
  const stop = async (): Promise<void> => {
    for (const service of started.splice(0).reverse()) await service.stop();
  };
  try {
    for (const start of serviceStarts(home, { urls, ports, credentials, internalKey })) {
      started.push(await startService(start));
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    variables: {
      E2E_ENV: 'github-test-pipeline-local',
      E2E_IDENTITY_SCOPE: 'UID2',
      E2E_PHONE_SUPPORT: 'true',
      UID2_PIPELINE_E2E_CORE_URL: urls.core,
      UID2_PIPELINE_E2E_OPERATOR_URL: urls.operator,
      UID2_PIPELINE_E2E_OPERATOR_TYPE: 'PUBLIC',
      UID2_PIPELINE_E2E_OPERATOR_CLOUD_PROVIDER: 'PUBLIC',
      UID2_CORE_E2E_CORE_URL: urls.core,
      UID2_CORE_E2E_OPTOUT_URL: urls.optout,
      UID2_CORE_E2E_OPERATOR_API_KEY: credentials.publicOperatorKey,
      UID2_CORE_E2E_OPTOUT_API_KEY: credentials.optoutServiceKey,
      UID2_CORE_E2E_OPTOUT_INTERNAL_API_KEY: internalKey,
      UID2_OPERATOR_E2E_CLIENT_SITE_ID: String(credentials.client.siteId),
      UID2_OPERATOR_E2E_CLIENT_API_KEY: credentials.client.apiKey,
      UID2_OPERATOR_E2E_CLIENT_API_SECRET: credentials.client.secret,
      UID2_OPERATOR_E2E_CLIENT_API_KEY_SHARING_RECIPIENT: sharer.apiKey,
      UID2_OPERATOR_E2E_CLIENT_API_SECRET_SHARING_RECIPIENT: sharer.secret,
      UID2_OPERATOR_E2E_CLIENT_API_KEY_NON_SHARING_RECIPIENT: world.stranger.apiKey,
      UID2_OPERATOR_E2E_CLIENT_API_SECRET_NON_SHARING_RECIPIENT: world.stranger.secret,
      UID2_OPERATOR_E2E_CSTG_SUBSCRIPTION_ID: world.keypair.subscriptionId,
      UID2_OPERATOR_E2E_CSTG_SERVER_PUBLIC_KEY: world.keypair.publicKey,
      UID2_OPERATOR_E2E_CSTG_ORIGIN: ORIGIN,
      UID2_OPERATOR_E2E_CSTG_INVALID_ORIGIN: OTHER_ORIGIN,
    },
    disabledOperatorKey: world.disabledOperatorKey,
    stop,
  };
}

interface ArrangedWorld {
  readonly stranger: ClientKey;
  readonly keypair: { readonly subscriptionId: string; readonly publicKey: string };
  readonly disabledOperatorKey: string;
}

/** With the administrator's tools, as anybody would. */
async function arrangeWorld(home: string): Promise<ArrangedWorld> {
  const administer = async <T>(...args: readonly string[]): Promise<T> => {
    const result = await runHoldfast(['uid2', ...args, '--home', home, '--json']);
    if (result.code !== 0) throw new Error(`holdfast uid2 ${args.join(' ')}: ${result.stdout}${result.stderr}`);
    return JSON.parse(result.stdout) as T;
  };
  const main = String(MAIN_SITE_ID);
  const domains = ['kelp.example', 'news.kelp.example', new URL(ORIGIN).hostname];
  await administer('site', 'update', main, ...domains.flatMap((domain) => ['--domains', domain]), '--yes');
  const { keypair } = await administer<Pick<ArrangedWorld, 'keypair'>>('keypair', 'create', '--site', main, '--yes');
  const { site } = await administer<{ site: { id: number } }>('site', 'create', 'Stranger', '--types', 'DSP', '--yes');
  // Its keyset names no readers, and no other keyset names it.
  const { client: stranger } = await administer<{ client: ClientKey }>(
    'client',
    'create',
    'Stranger',
    `--site=${site.id}`,
    '--roles=SHARER',
    '--yes',
  );
  const { operator } = await administer<{ operator: { keyId: string; operatorKey: string } }>(
    'operator',
    'create',
    'Disabled',
    `--site=${ADMINISTRATION_SITE_ID}`,
    '--protocol=trusted',
    '--type=public',
    '--yes',
  );
  await administer('operator', 'disable', operator.keyId, '--yes');
  await administer('view', 'refresh');
  return { stranger, keypair, disabledOperatorKey: operator.operatorKey };
}

interface ServiceOptions {
  readonly urls: Readonly<Record<keyof ReferencePorts, string>>;
  readonly ports: ReferencePorts;
  readonly credentials: Credentials;
  readonly internalKey: string;
}

/** Core first, then Opt-Out and the operator, which attest to it. */
function serviceStarts(home: string, options: ServiceOptions): readonly Parameters<typeof startService>[0][] {
  const { urls, ports, credentials, internalKey } = options;
  const linkKeyFile = join(home, 'keys', 'reference-link-key.hex');
  writeFileSync(linkKeyFile, randomBytes(32).toString('hex'), { mode: 0o600 });
  const attestationTokens = {
    att_token_enc_key: randomBytes(32).toString('base64'),
    att_token_enc_salt: createHash('sha256').update(credentials.publicOperatorKey).digest('base64'),
  };
  const common = {
    host: '127.0.0.1',
    metrics_port: 0,
    link_signing_key_file: linkKeyFile,
    core_public_url: urls.core,
    optout_url: urls.optout,
    // Trusted keys come without attestation token and without JWT in the suite.
    enforceJwt: false,
    ...attestationTokens,
  };
  const healthUrl = (service: keyof ReferencePorts): string => `${urls[service]}/ops/healthcheck`;
  const configFile = (service: string): string => join(home, 'config', `reference-${service}.json`);
  return [
    {
      service: 'core',
      configFile: configFile('core'),
      healthUrl: healthUrl('core'),
      settings: {
        ...common,
        port: ports.core,
        environment: 'test',
        storage_folder: join(home, 'world', 'core'),
        jwt_signing_key_file: join(home, 'keys', 'jwt-signing-key.pem'),
        provide_private_site_data: true,
      },
    },
    {
      service: 'optout',
      configFile: configFile('optout'),
      healthUrl: healthUrl('optout'),
      settings: {
        ...common,
        port: ports.optout,
        storage_folder: join(home, 'world', 'optout'),
        optout_data_dir: join(home, 'world', 'optout-queue'),
        optout_s3_folder: 'optout/',
        optout_internal_api_token: internalKey,
        optout_delta_rotate_interval: 60,
        optout_sqs_delta_window_seconds: 0,
        cloud_refresh_interval: 2,
        operators_refresh_ms: 1000,
        core_attest_url: `${urls.core}/attest`,
        core_api_token: credentials.optoutServiceKey,
        operators_metadata_path: `${urls.core}/operators/refresh`,
      },
    },
    {
      service: 'operator',
      configFile: configFile('operator'),
      healthUrl: healthUrl('operator'),
      settings: {
        http_host: '127.0.0.1',
        http_port: ports.operator,
        metrics_port: 0,
        operator_type: 'public',
        core_api_token: credentials.publicOperatorKey,
        core_attest_url: `${urls.core}/attest`,
        optout_metadata_path: '/optout/refresh',
        optout_api_uri: '/optout/replicate',
        optout_s3_folder: 'optout/',
        cloud_refresh_interval: 2,
        client_side_token_generate: true,
      },
    },
  ];
}
