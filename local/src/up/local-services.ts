import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { writeFileAtomic } from '@holdfast/process';

import type { CertificateAuthority } from '../azure/index.ts';
import type { HomeLayout } from '../home/home-layout.ts';
import type { OpenedHome } from '../home/open-home.ts';
import { describeExit } from '../process/managed-process.ts';
import type { ManagedProcess } from '../process/managed-process.ts';
import { startLocalService } from './local-service.ts';
import type { LocalService } from './local-service.ts';
import type { LocalCloudPart } from './parts.ts';
import type { LocalPorts } from './ports.ts';
import type { Progress } from './progress.ts';
import { attestationConfig, coreConfig, optoutConfig } from './service-configs.ts';
import type { LocalAddresses } from './service-configs.ts';

export interface LocalServicesOptions {
  readonly layout: HomeLayout;
  readonly ports: LocalPorts;
  readonly addresses: LocalAddresses;
  readonly home: OpenedHome;
  readonly authority: CertificateAuthority;
  /** Those of them that are to be started. */
  readonly parts: ReadonlySet<LocalCloudPart>;
  /** Command line of `holdfast serve`, without a service's name. */
  readonly serve: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Told of each process as soon as it is there. */
  readonly onProcess: (process: ManagedProcess) => void;
  /** Told of each service once it is ready. */
  readonly onStarted: (service: LocalService) => void;
}

const TIMEOUT_MS = 60_000;

/**
 * Starts the attestation service, Core and Opt-Out as child processes, one after the other: each asks the one before it.
 * @throws DependencyError SERVICE_EXITED, SERVICE_NOT_READY
 */
export async function startLocalServices(
  options: LocalServicesOptions,
): Promise<ReadonlyMap<LocalCloudPart, LocalService>> {
  const { layout, ports, addresses, home, authority, parts, progress } = options;
  const attestationTls = await issueAttestationTls(layout, authority);
  const settings = { layout, ports, home, attestationTls };
  const plan = [
    {
      name: 'attestation',
      title: 'attestation service',
      config: attestationConfig(settings),
      url: addresses.attestation,
      healthPath: '/certs',
    },
    {
      name: 'core',
      title: 'UID2 Core',
      config: coreConfig(settings),
      url: addresses.core,
      healthPath: '/ops/healthcheck',
    },
    {
      name: 'optout',
      title: 'UID2 Opt-Out',
      config: optoutConfig(settings),
      url: addresses.optout,
      healthPath: '/ops/healthcheck',
    },
  ] as const;
  const services = new Map<LocalCloudPart, LocalService>();
  for (const { name, title, config, url, healthPath } of plan) {
    if (!parts.has(name)) continue;
    const start = (): Promise<LocalService> =>
      startLocalService({
        name,
        config,
        configFile: join(layout.configFolder, `${name}.json`),
        logFile: join(layout.logsFolder, `${name}.log`),
        serve: options.serve,
        environment: options.environment,
        healthUrl: `${url}${healthPath}`,
        ca: authority.caPem,
        timeoutMs: TIMEOUT_MS,
        signal: options.signal,
        onStarted: options.onProcess,
        onExit: (exit, line) =>
          progress.notice(`${name} ended with ${describeExit(exit)}${line === undefined ? '' : `: ${line}`}`),
      });
    const service = await progress.step(title, start, () => url);
    options.onStarted(service);
    services.set(name, service);
  }
  return services;
}

async function issueAttestationTls(
  { tlsFolder }: HomeLayout,
  authority: CertificateAuthority,
): Promise<{ readonly keyFile: string; readonly certificateFile: string }> {
  const files = {
    keyFile: join(tlsFolder, 'attestation-key.pem'),
    certificateFile: join(tlsFolder, 'attestation.pem'),
  };
  const certificate = await authority.issueServerCertificate({ hosts: ['127.0.0.1', 'localhost'] });
  await mkdir(tlsFolder, { recursive: true, mode: 0o700 });
  await writeFileAtomic(files.keyFile, certificate.keyPem, { mode: 0o600 });
  await writeFileAtomic(files.certificateFile, certificate.certificatePem);
  return files;
}
