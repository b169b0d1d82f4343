import { setTimeout } from 'node:timers/promises';

import { errorMessage, PlatformError } from '@holdfast/base';
import type { Secret } from '@holdfast/base';
import { gatherFacts } from '@holdfast/deployment';
import type { DeploymentConfig, Facts, GatherPorts, Need } from '@holdfast/deployment';

import type { CliContext } from '../context.ts';
import type { LoadedConfig } from './load-config.ts';
import { connectCloud } from './open-deployment.ts';

export type Target = 'azure' | 'local';

/** A cloud that can be asked. */
interface DoctorConnection {
  readonly ports: GatherPorts;
  /** The configuration as that cloud sees it. */
  readonly config: DeploymentConfig;
  readonly close: () => Promise<void>;
}

/** Opens the way to a cloud. Throws when there is no credential, or nobody answers. */
export type ConnectDoctor = (
  context: CliContext,
  loaded: LoadedConfig,
  target: Target,
  home: string,
) => Promise<DoctorConnection>;

interface LiveInput {
  readonly context: CliContext;
  readonly loaded: LoadedConfig;
  readonly target: Target;
  /** Of the local cloud. */
  readonly home: string;
  readonly only: ReadonlySet<string> | undefined;
  readonly operatorKey: Secret | undefined;
}

/** What Azure and the cluster say. When they cannot be asked at all, one sentence says why, and the checks stay open. */
export async function gatherLiveFacts(
  { context, loaded, target, home, only, operatorKey }: LiveInput,
  connect: ConnectDoctor,
): Promise<Facts> {
  let connection: DoctorConnection;
  try {
    connection = await connect(context, loaded, target, home);
  } catch (error) {
    const action = error instanceof PlatformError && error.action !== undefined ? ` ${error.action}` : '';
    context.io.stderr.write(`Azure was not asked: ${errorMessage(error).replace(/\.$/, '')}.${action}\n`);
    return { azure: { notes: [{ subject: 'Azure', checks: [], reason: errorMessage(error) }] } };
  }
  const needs: ReadonlySet<Need> = new Set(['azure', 'cluster']);
  const { ports, config } = connection;
  try {
    return await gatherFacts(
      config,
      { ...ports, ...(operatorKey === undefined ? {} : { operatorKey }) },
      { needs, ...(only === undefined ? {} : { only }) },
    );
  } finally {
    await connection.close();
  }
}

/** The longest that signing in may take. */
const SIGN_IN_MS = 20_000;

/**
 * The real cloud with the credential at hand, or the local one. Whether there is a credential is found out here: without
 * one, nothing that follows could say more.
 * @throws RequestError SUBSCRIPTION_UNKNOWN, and the errors of the credential and of the local cloud
 */
export const connectDoctor: ConnectDoctor = async ({ io }, { config }, target, home) => {
  const opened = await connectCloud(io, config, target, home);
  try {
    await opened.arm.caller({ signal: AbortSignal.timeout(SIGN_IN_MS) });
  } catch (error) {
    await opened.close();
    throw error;
  }
  const { arm, vault, http, openCluster } = opened;
  return {
    ports: {
      arm,
      vault,
      openCluster,
      clock: Date.now,
      sleep: async (ms, signal) => {
        await setTimeout(ms, undefined, signal === undefined ? {} : { signal });
      },
      // The hosts of the real world say nothing about a local cloud.
      ...(opened.kind === 'local' ? {} : { http }),
    },
    config: opened.kind === 'local' ? { ...config, subscriptionId: opened.subscriptionId } : config,
    close: async () => {
      await opened.close();
    },
  };
};
