import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { RequestError } from '@holdfast/base';
import type { Secret } from '@holdfast/base';
import { openRun } from '@holdfast/deployment';
import type { Bundle, DeploymentConfig, EngineEvent, Run } from '@holdfast/deployment';

import type { CliIo } from '../context.ts';
import { homeFolder } from '../home-folder.ts';
import type { Target } from './connect-azure.ts';
import { enginePorts } from './engine-ports.ts';
import type { TimedTarget } from './engine-ports.ts';
import { loadDeployment } from './load-config.ts';
import type { LoadedConfig } from './load-config.ts';
import { readKeyFile, readOperatorKey } from './operator-key.ts';
import { readRelease } from './read-release.ts';

/** Flags of every command that works on a deployment. */
export interface CloudFlags {
  readonly file: string;
  readonly target?: 'azure' | 'local';
  readonly home?: string;
  readonly json: boolean;
}

/** Opens the way to a cloud; tests give their own. */
export type Connect = (
  io: CliIo,
  config: DeploymentConfig,
  target: 'azure' | 'local',
  home: string,
) => Promise<TimedTarget>;

export interface OpenOptions {
  readonly onEvent: (event: EngineEvent) => void;
  readonly signal: AbortSignal;
  /** Whether the operator key may have to be written; otherwise nobody is asked for it. */
  readonly withKey: boolean;
  /** Take fields over that kubectl or Helm set before. */
  readonly adopt?: boolean;
  /** Bring a deleted vault of the same name back. */
  readonly recoverVault?: boolean;
  readonly connect?: Connect;
}

/** A deployment that commands can work on. */
export interface OpenDeployment {
  readonly run: Run;
  readonly loaded: LoadedConfig;
  readonly target: Target;
  readonly home: string;
  close(): Promise<void>;
}

/**
 * Reads the configuration and its release, connects to the cloud, and finds out what the configuration leaves open.
 * Everything that a command of `plan`, `apply`, `status` and the operations begins with.
 * @throws the errors of the configuration, the credential, the local cloud, and `openRun`
 */
export async function openDeployment(io: CliIo, flags: CloudFlags, options: OpenOptions): Promise<OpenDeployment> {
  const loaded = await loadDeployment(io, flags.file, flags.json, () => []);
  const home = homeFolder(io, flags.home);
  const kind = flags.target ?? 'azure';
  const target = await (options.connect ?? connectCloud)(io, loaded.config, kind, home);
  try {
    const config = kind === 'local' ? { ...loaded.config, subscriptionId: target.subscriptionId } : loaded.config;
    const extras = kind === 'local' ? await localExtras(home) : {};
    const bundle = await releaseOf(loaded, extras);
    const operatorKey = options.withKey ? await keyFor(io, loaded, extras) : undefined;
    const run = await openRun({
      ports: enginePorts(target, home, options.onEvent),
      config,
      signal: options.signal,
      ...(bundle === undefined ? {} : { bundle }),
      ...(operatorKey === undefined ? {} : { operatorKey }),
      ...(options.adopt === undefined ? {} : { adopt: options.adopt }),
      ...(options.recoverVault === undefined ? {} : { recoverVault: options.recoverVault }),
    });
    return { run, loaded, target, home, close: async () => await target.close() };
  } catch (error) {
    await target.close();
    throw error;
  }
}

/** The real cloud with the credential at hand, or the local one that runs in `home`. */
export const connectCloud: Connect = async (io, config, kind, home) => {
  // Loaded when they are needed: the SDKs of Azure and Kubernetes take a while.
  if (kind === 'local') {
    const { connectLocal } = await import('./local-target.ts');
    return await connectLocal(home);
  }
  const subscriptionId = config.subscriptionId ?? io.env['AZURE_SUBSCRIPTION_ID'];
  if (subscriptionId === undefined || subscriptionId === '') {
    throw new RequestError('SUBSCRIPTION_UNKNOWN', 'the configuration names no subscription', {
      action: 'Set subscriptionId, or AZURE_SUBSCRIPTION_ID.',
    });
  }
  const { connectAzure } = await import('./connect-azure.ts');
  return connectAzure(io, { subscriptionId, tenantId: config.tenantId });
};

/** What a local cloud offers to a configuration that names no release and no key of its own. */
interface LocalExtras {
  readonly release?: string;
  readonly operatorKeyFile?: string;
}

/** The members `release` and `operatorKeyFile` of `cloud.json`, where the local cloud says them. */
async function localExtras(home: string): Promise<LocalExtras> {
  try {
    const { release, operatorKeyFile } = JSON.parse(await readFile(join(home, 'cloud.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    return {
      ...(typeof release === 'string' ? { release } : {}),
      ...(typeof operatorKeyFile === 'string' ? { operatorKeyFile } : {}),
    };
  } catch {
    // Connecting has read the same file already and said what is wrong with it.
    return {};
  }
}

async function releaseOf({ config, folder }: LoadedConfig, extras: LocalExtras): Promise<Bundle | undefined> {
  if (config.profile !== 'uid2-vn2') return undefined;
  if (config.operator.bundle !== undefined) return await readRelease(folder, config.operator.bundle.path);
  return extras.release === undefined ? undefined : await readRelease(folder, extras.release);
}

async function keyFor(io: CliIo, { config, folder }: LoadedConfig, extras: LocalExtras): Promise<Secret | undefined> {
  const fromInput = config.profile === 'uid2-vn2' && config.operator.keySource === 'stdin';
  if (fromInput && extras.operatorKeyFile !== undefined) return await readKeyFile(extras.operatorKeyFile);
  return await readOperatorKey(io, config, folder);
}
