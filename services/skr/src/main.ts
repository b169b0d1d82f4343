import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { buildMetricsApp, createMetricsRegistry, HttpClient, listen } from '@holdfast/http';
import type { Logger, RunningService, StartService } from '@holdfast/process';

import { createAttestedSecrets } from './attested-secrets/attested-secrets.ts';
import type { AttestedSecrets } from './attested-secrets/attested-secrets.ts';
import { createSecretFolder } from './attested-secrets/secret-folder.ts';
import { buildApp } from './app.ts';
import { createAttester } from './attester.ts';
import { readConfig } from './config.ts';
import type { SkrConfig } from './config.ts';
import type { SkrContext } from './context.ts';
import { endpointOrigin } from './endpoint.ts';
import { createEvents } from './events.ts';
import { createHostCertificates } from './host-certificates.ts';
import { createKeyReleaser } from './key-release/key-releaser.ts';
import { systemTrustedRoots } from './key-release/trusted-roots.ts';
import { maaOrigin } from './maa-endpoint.ts';
import type { SnpReportSource } from './report-source/report-source.ts';
import { createSimulatedReportSource } from './report-source/simulated.ts';
import { createTsmReportSource } from './report-source/tsm.ts';
import { waitFor } from './retry.ts';
import { loadSecurityContext } from './security-context.ts';

/**
 * Starts the sidecar. It listens at once and is ready when it has the certificates of the host; when they cannot be had it
 * fails, since without them no evidence is complete.
 */
export const startSkr: StartService = async (host): Promise<RunningService> => {
  const config = readConfig(host);
  const securityContext = await loadSecurityContext(config.securityContext);
  const client = new HttpClient();
  const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
  const reportSource = createReportSource(config, client);
  if (reportSource.simulated) host.logger.warn('reports come from a simulated platform and prove nothing');
  const hostCertificates = createHostCertificates({
    initial: securityContext.hostCertificates,
    url: config.thimUrl,
    cache: config.certificateCache,
    client,
    wait: waitFor,
    random,
  });
  const registry = createMetricsRegistry('skr');
  const attester = createAttester({
    securityContext,
    reportSource,
    hostCertificates,
    client,
    userAgent: config.userAgent,
    random,
    wait: waitFor,
  });
  let secrets: AttestedSecrets | undefined;
  const context: SkrContext = {
    attester,
    releaseKey: createKeyReleaser({
      attester,
      client,
      identity: config.identity,
      algorithm: config.keyWrapAlgorithm,
      trustedRoots: systemTrustedRoots,
      clock: Date.now,
      random,
      wait: waitFor,
    }),
    maaEndpointRules: { allowedHosts: config.allowedMaaHosts, allowAddresses: reportSource.simulated },
    vaultEndpointRules: { allowedHosts: config.allowedAkvHosts, allowAddresses: reportSource.simulated },
    events: createEvents(host.logger, registry),
    ready: () => hostCertificates.current !== undefined && secrets?.ready !== false,
  };
  secrets = await prepareSecrets(context, config, host.logger);

  const served = await serve(context, config);
  const certificates = hostCertificates.current === undefined ? hostCertificates.refresh() : Promise.resolve();
  certificates.then(async () => secrets?.provide()).catch((error: unknown) => host.fail(error));
  const stop = async (): Promise<void> => {
    await secrets?.stop();
    await served.stop();
    await client.close();
  };
  if (config.metricsPort === -1) return { addresses: served.addresses, stop };
  const metricsApp = buildMetricsApp(registry);
  try {
    const metrics = await listen(metricsApp, { host: config.host, port: config.metricsPort });
    return {
      addresses: { ...served.addresses, metrics },
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

/** The secrets that AttestedSecrets names. Its endpoints pass the same rules as those of a request. */
async function prepareSecrets(
  context: SkrContext,
  { attestedSecrets: settings }: SkrConfig,
  logger: Logger,
): Promise<AttestedSecrets | undefined> {
  if (settings === undefined) return undefined;
  const folder = createSecretFolder(settings.folder, settings.mode);
  if (!(await folder.inMemory())) {
    logger.warn({ folder: settings.folder }, 'secrets are written to a folder that is not in memory');
  }
  return createAttestedSecrets({
    files: settings.files,
    maaOrigin: maaOrigin(settings.maa_endpoint, context.maaEndpointRules),
    vaultOrigin: endpointOrigin(settings.akv_endpoint, context.vaultEndpointRules, 'akv_endpoint', 'allowed_akv_hosts'),
    releaseKey: context.releaseKey,
    folder,
    events: context.events,
    pause: async (ms, signal) => sleep(ms, undefined, { signal }),
  });
}

/** Opens the one interface that ServerType names. */
async function serve(context: SkrContext, config: SkrConfig): Promise<Pick<RunningService, 'addresses' | 'stop'>> {
  const { host, port } = config;
  if (config.serverType === 'grpc') {
    // Loaded here: most pods use the HTTP interface only.
    const { buildGrpcServer, listenGrpc } = await import('./grpc/server.ts');
    const server = buildGrpcServer(context, config.keyInfoFolder);
    const grpc = await listenGrpc(server, host, port);
    return { addresses: { grpc }, stop: async () => Promise.resolve(server.forceShutdown()) };
  }
  const app = buildApp(context);
  const http = await listen(app, { host, port });
  return { addresses: { http }, stop: async () => app.close() };
}

function createReportSource({ reportSource }: SkrConfig, client: HttpClient): SnpReportSource {
  return reportSource.kind === 'tsm'
    ? createTsmReportSource({ folder: reportSource.folder, random: (length) => new Uint8Array(randomBytes(length)) })
    : createSimulatedReportSource({ url: reportSource.url, client });
}
