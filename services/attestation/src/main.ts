import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { isDeepStrictEqual } from 'node:util';

import { parseCertificates } from '@holdfast/attestation';
import type { Certificate } from '@holdfast/attestation';
import { ConfigError, errorMessage } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import { buildMetricsApp, createMetricsRegistry, HttpClient, listen } from '@holdfast/http';
import type { Logger, RunningService, StartService } from '@holdfast/process';

import { buildApp } from './app.ts';
import { readConfig } from './config.ts';
import type { AttestationConfig } from './config.ts';
import type { AttestationContext, Instance } from './context.ts';
import { createEvents } from './events.ts';
import { createAdministrators } from './management/administrators.ts';
import { openManagementStore } from './management/management-store.ts';
import type { Management } from './management/management.ts';
import { createSigningKeyRotation } from './signing-key-rotation.ts';
import { createSigningKey } from './signing-key.ts';
import type { SigningKey } from './signing-key.ts';
import { loadTrust } from './trust.ts';

/** Starts the attestation service. Everything the configuration names is read and checked before anything listens. */
export const startAttestation: StartService = async (host): Promise<RunningService> => {
  const config = readConfig(host);
  const trust = await loadTrust(config, readBytes);
  const tls = await loadTls(config);
  const clock = Date.now;
  const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
  let signingFiles = await readSigningFiles(config);
  const signingKeyOf = (issuer: string): SigningKey => createSigningKey({ ...signingFiles, issuer, clock, random });

  // A fixed issuer is checked with its key before listening; the listening address is known only afterwards.
  let issuer = config.issuer ?? addressBeforeListening(config, tls !== undefined);
  let rotation = createSigningKeyRotation(signingKeyOf(issuer), clock);
  const client = new HttpClient();
  const management = await openManagement(config, client, clock, host.logger);
  const registry = createMetricsRegistry('attestation');
  const context: AttestationContext = {
    trust,
    settings: { allowDebug: config.allow_debug, policyBitClaims: config.policy_bit_claims },
    events: createEvents(host.logger, registry),
    clock,
    random,
    tls,
    instance: (): Instance => ({ issuer, signingKey: rotation.current }),
    ...(management === undefined ? {} : { management }),
  };
  if (trust.roots.some((root) => root.simulated)) {
    host.logger.warn(
      { environment: config.environment },
      'evidence of a simulated platform is accepted and marked as a test',
    );
  }

  const app = buildApp(context);
  const http = await listen(app, { host: config.host, port: config.port });
  if (config.issuer === undefined && issuer !== http) {
    issuer = http;
    rotation = createSigningKeyRotation(signingKeyOf(issuer), clock);
  }
  /** A broken pair of files leaves the key in force; whoever replaces both is in the middle of it for a moment. */
  const reload = async (): Promise<void> => {
    try {
      const next = await readSigningFiles(config);
      if (isDeepStrictEqual(next, signingFiles)) return;
      const key = createSigningKey({ ...next, issuer, clock, random });
      signingFiles = next;
      if (rotation.rotate(key)) host.logger.info({ kid: key.kid }, 'token signing key rotated');
    } catch (error) {
      host.logger.warn({ reason: errorMessage(error) }, 'the signing files changed and cannot be used');
    }
  };
  const reloadLists = async (): Promise<void> => {
    try {
      await trust.revocationLists.reload();
    } catch (error) {
      host.logger.warn({ reason: errorMessage(error) }, 'the revocation lists cannot be read again');
    }
  };
  const timers = [
    repeat(reload, config.signing_key_reload_seconds),
    repeat(reloadLists, config.revocation === 'off' ? 0 : config.revocation_list_reload_seconds),
  ];
  const stop = async (): Promise<void> => {
    for (const timer of timers) clearInterval(timer);
    await app.close();
    await client.close();
  };
  if (config.metrics_port === -1) return { addresses: { http }, stop };
  const metricsApp = buildMetricsApp(registry);
  try {
    const metrics = await listen(metricsApp, { host: config.host, port: config.metrics_port });
    return {
      addresses: { http, metrics },
      stop: async () => {
        await stop();
        await metricsApp.close();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
};

/** Runs `work`, which never rejects, at an interval; 0 seconds is never. */
function repeat(work: () => Promise<void>, seconds: number): NodeJS.Timeout | undefined {
  return seconds === 0 ? undefined : setInterval(() => void work(), seconds * 1000);
}

interface SigningFiles {
  readonly keyPem: string;
  readonly certificatePem: string | undefined;
}

async function readSigningFiles(config: AttestationConfig): Promise<SigningFiles> {
  const { signing_key_file: keyFile, signing_certificate_file: certificateFile } = config;
  const keyPem = await readText(keyFile);
  return { keyPem, certificatePem: certificateFile === undefined ? undefined : await readText(certificateFile) };
}

async function openManagement(
  { management: settings }: AttestationConfig,
  client: HttpClient,
  clock: Clock,
  logger: Logger,
): Promise<Management | undefined> {
  if (settings === undefined) return undefined;
  const files = settings.policy_signer_certificate_files;
  const signers = await Promise.all(files.map(async (file) => policySigner(file, await readText(file))));
  return {
    administrators: createAdministrators({
      issuer: settings.issuer,
      keysUrl: settings.keys_url,
      audience: settings.audience,
      objectIds: settings.administrators.map((id) => id.toLowerCase()),
      client,
      clock,
    }),
    store: await openManagementStore(settings.state_file, signers),
    logger,
  };
}

function policySigner(file: string, pem: string): Certificate {
  const certificates = parseCertificates(pem);
  const [certificate] = certificates;
  if (certificate !== undefined && certificates.length === 1) return certificate;
  throw new ConfigError(
    'MANAGEMENT_SIGNER_INVALID',
    [`policy_signer_certificate_files: ${file} holds not one certificate`],
    {
      action: 'Put one PEM certificate into each file.',
    },
  );
}

function addressBeforeListening(config: AttestationConfig, tls: boolean): string {
  const host = config.host === '0.0.0.0' || config.host === '::' ? '127.0.0.1' : config.host;
  return `${tls ? 'https' : 'http'}://${host}:${config.port}`;
}

async function loadTls(config: AttestationConfig): Promise<AttestationContext['tls']> {
  const { tls_key_file: keyFile, tls_certificate_file: certificateFile } = config;
  if (keyFile === undefined && certificateFile === undefined) return undefined;
  if (keyFile === undefined || certificateFile === undefined) {
    const missing = keyFile === undefined ? 'tls_key_file' : 'tls_certificate_file';
    throw new ConfigError('TLS_INCOMPLETE', [`${missing}: missing, while the other TLS file is set`], {
      action: 'Set both, or none for plain http behind a proxy that ends TLS.',
    });
  }
  return { key: await readText(keyFile), cert: await readText(certificateFile) };
}

async function readText(file: string): Promise<string> {
  return Buffer.from(await readBytes(file)).toString('utf8');
}

async function readBytes(file: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(file));
  } catch (cause) {
    throw new ConfigError('ATTESTATION_FILE_UNREADABLE', [`cannot read ${file}: ${errorMessage(cause)}`], {
      cause,
      action: 'Check the path and the permissions of the file.',
    });
  }
}
