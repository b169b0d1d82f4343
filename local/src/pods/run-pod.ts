import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import type { SimulatedPlatform } from '@holdfast/attestation';
import { MalformedError } from '@holdfast/base';

import { lastLogLine } from '../process/log-file.ts';
import { describeExit, ManagedProcess } from '../process/managed-process.ts';
import { startConfidentialGuest } from '../virtual-node/confidential-guest.ts';
import type { ConfidentialGuest, GuestSettings } from '../virtual-node/confidential-guest.ts';
import { KATA_POLICY_ANNOTATION } from './pod-manifest.ts';
import type { PodManifest } from './pod-manifest.ts';

/** What every pod of one local cloud uses. */
export interface PodSurroundings {
  readonly platform: SimulatedPlatform;
  readonly guest: GuestSettings;
  readonly podsFolder: string;
  readonly logsFolder: string;
  /** Variables every container gets beside those of its manifest. */
  readonly nodeVariables: Readonly<Record<string, string>>;
  /** Opens the managed identity endpoint of a confidential pod; undefined when there is no Azure. */
  readonly openIdentityEndpoint: () => Promise<{ readonly url: string; stop(): Promise<void> } | undefined>;
}

export interface RunPodOptions {
  readonly manifest: PodManifest;
  /** The program that stands in for a container's image and command; undefined when there is none. */
  readonly program: (image: string, command: readonly string[]) => readonly string[] | undefined;
  /** Told when a container ends although nobody stopped the pod. */
  readonly onExit: (sentence: string) => void;
}

export interface RunningPod {
  readonly name: string;
  /** HOST_DATA of its guest in lower-case hex; undefined for an ordinary pod. */
  readonly hostData: string | undefined;
  /** File with the output of a container. */
  logFile(container: string): string;
  stop(): Promise<void>;
  /** Ends all containers at once. */
  kill(): void;
}

const GRACE_MS = 10_000;

/**
 * Runs a Pod as a node of AKS does: with a confidential runtime class in a Kata guest, which measures the policy of its
 * annotation and has its own firmware and identity endpoint; else as ordinary processes with neither. Containers are child
 * processes that share the loopback interface of this machine. They are not started again when they end.
 * @throws MalformedError POD_MANIFEST_INVALID for a confidential pod without a policy, or an image nobody stands in for
 * @throws DependencyError PROCESS_NOT_STARTED
 */
export async function runPod(surroundings: PodSurroundings, options: RunPodOptions): Promise<RunningPod> {
  const { manifest } = options;
  const commands = manifest.containers.map((container) => ({ container, command: programOf(options, container) }));
  const folder = join(surroundings.podsFolder, manifest.name);
  const logFile = (name: string): string => join(surroundings.logsFolder, manifest.name, `${name}.log`);
  await mkdir(folder, { recursive: true });
  await mkdir(join(surroundings.logsFolder, manifest.name), { recursive: true });
  const undo: (() => Promise<void>)[] = [];
  const processes: ManagedProcess[] = [];
  let stopping = false;
  const stop = async (): Promise<void> => {
    stopping = true;
    for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step();
  };
  try {
    const guest = manifest.confidential ? await startGuest(surroundings, manifest, folder) : undefined;
    if (guest !== undefined) undo.push(() => guest.stop());
    const identity = manifest.confidential ? await surroundings.openIdentityEndpoint() : undefined;
    if (identity !== undefined) undo.push(() => identity.stop());
    for (const { container, command } of commands) {
      const process = await ManagedProcess.start({
        command,
        // As on a real node, what the platform says about itself cannot be overridden by a manifest.
        environment: {
          ...container.environment,
          ...surroundings.nodeVariables,
          HOSTNAME: manifest.name,
          ...guestVariables(guest),
          ...(identity === undefined ? {} : { AZURE_POD_IDENTITY_AUTHORITY_HOST: identity.url }),
        },
        logFile: logFile(container.name),
        workingDirectory: folder,
      });
      processes.push(process);
      undo.push(async () => void (await process.stop(GRACE_MS)));
      void process.exited.then(async (exit) => {
        if (stopping) return;
        const line = await lastLogLine(logFile(container.name));
        const words = line === undefined ? '' : `: ${line}`;
        options.onExit(`${manifest.name}/${container.name} ended with ${describeExit(exit)}${words}`);
      });
    }
    return {
      name: manifest.name,
      hostData: guest?.hostData,
      logFile,
      stop,
      kill: () => {
        stopping = true;
        for (const process of processes) process.kill();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function programOf(options: RunPodOptions, container: PodManifest['containers'][number]): readonly string[] {
  const program = options.program(container.image, container.command);
  if (program !== undefined) return program;
  const what = [container.image, ...container.command].join(' ');
  throw new MalformedError('POD_MANIFEST_INVALID', `no program on this machine stands in for ${what}`, {
    action: 'Use the images and commands of the published manifests.',
  });
}

function startGuest(
  { platform, guest }: PodSurroundings,
  manifest: PodManifest,
  folder: string,
): Promise<ConfidentialGuest> {
  const policy = manifest.annotations[KATA_POLICY_ANNOTATION] ?? '';
  if (policy === '') {
    throw new MalformedError(
      'POD_MANIFEST_INVALID',
      `pod ${manifest.name} asks for a confidential guest and has no annotation ${KATA_POLICY_ANNOTATION}`,
      { action: 'Add the policy of the pod to its annotations.' },
    );
  }
  return startConfidentialGuest({ platform, policy, settings: guest, utilityVm: 'kata', folder });
}

function guestVariables(guest: ConfidentialGuest | undefined): Record<string, string> {
  if (guest === undefined) return {};
  return {
    UVM_SECURITY_CONTEXT_DIR: guest.securityContextFolder,
    snp_report_source: 'simulated',
    snp_simulated_url: guest.firmwareUrl,
  };
}
