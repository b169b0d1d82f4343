import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { ConfigError, errorMessage } from '@holdfast/base';
import { buildMetricsApp, createMetricsRegistry, listen } from '@holdfast/http';
import type { RunningService, StartService } from '@holdfast/process';

import { buildApp } from './app.ts';
import { readConfig } from './config.ts';
import type { AttestationConfig } from './config.ts';
import type { AttestationContext, Instance } from './context.ts';
import { createEvents } from './events.ts';
import { createSigningKey } from './signing-key.ts';
import { loadTrust } from './trust.ts';

/** Starts the attestation service. Everything the configuration names is read and checked before anything listens. */
export const startAttestation: StartService = async (host): Promise<RunningService> => {
  const config = readConfig(host);
  const trust = await loadTrust(config, readText);
  const tls = await loadTls(config);
  const keyPem = await readText(config.signing_key_file);
  const certificatePem =
    config.signing_certificate_file === undefined ? undefined : await readText(config.signing_certificate_file);
  const clock = Date.now;
  const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
  const instanceOf = (issuer: string): Instance => ({
    issuer,
    signingKey: createSigningKey({ keyPem, certificatePem, issuer, clock, random }),
  });

  // A fixed issuer is checked with its key before listening; the listening address is known only afterwards.
  let instance = instanceOf(config.issuer ?? addressBeforeListening(config, tls !== undefined));
  const registry = createMetricsRegistry('attestation');
  const context: AttestationContext = {
    trust,
    events: createEvents(host.logger, registry),
    clock,
    random,
    tls,
    instance: () => instance,
  };
  if (trust.roots.some((root) => root.simulated)) {
    host.logger.warn(
      { environment: config.environment },
      'evidence of a simulated platform is accepted and marked as a test',
    );
  }

  const app = buildApp(context);
  const http = await listen(app, { host: config.host, port: config.port });
  if (config.issuer === undefined && instance.issuer !== http) instance = instanceOf(http);
  if (config.metrics_port === -1) return { addresses: { http }, stop: async () => app.close() };
  const metricsApp = buildMetricsApp(registry);
  try {
    const metrics = await listen(metricsApp, { host: config.host, port: config.metrics_port });
    return {
      addresses: { http, metrics },
      stop: async () => {
        await app.close();
        await metricsApp.close();
      },
    };
  } catch (error) {
    await app.close();
    throw error;
  }
};

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
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new ConfigError('ATTESTATION_FILE_UNREADABLE', [`cannot read ${file}: ${errorMessage(cause)}`], {
      cause,
      action: 'Check the path and the permissions of the file.',
    });
  }
}
