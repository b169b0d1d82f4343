import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import type { SimulatedPlatform } from '@holdfast/attestation';
import { fromUtf8 } from '@holdfast/base';
import type { Clock, PlatformError } from '@holdfast/base';
import { HttpClient, listen } from '@holdfast/http';

import { admitPod, createAgentPolicy } from './agent-policy.ts';
import type { AgentPolicy } from './agent-policy.ts';
import { AttestationAgent } from './attestation-agent.ts';
import { DataHub } from './data-hub.ts';
import { readGuestConfig } from './guest-config.ts';
import type { BrokerSettings, GuestConfig } from './guest-config.ts';
import { SEALING_KEY_FOLDER, writeGuestFile, writeGuestFiles } from './guest-files.ts';
import { BrokerClient } from './kbs/broker-client.ts';
import type { BrokerStep } from './kbs/broker-client.ts';
import { pathOfResourceUri } from './kbs/resource-path.ts';
import { createTeeKey } from './kbs/tee-key.ts';
import type { TeeKeyAlgorithm } from './kbs/tee-key.ts';
import { createMachine } from './machine/create-machine.ts';
import type { Machine, PeerPodPlatform } from './machine/machine.ts';
import { readPeerPod } from './pod-manifest.ts';
import type { PeerPodContainer, PeerPodManifest } from './pod-manifest.ts';
import { buildRestApi } from './rest-api.ts';
import type { RestApiFeature } from './rest-api.ts';
import { isSealed } from './sealed-secret.ts';

export interface StartPeerPodOptions {
  /** YAML or JSON with one pod of the runtime class kata-remote, and the Secrets it names. */
  readonly pod: string | Uint8Array;
  /** Value of `INITDATA` in `peer-pods-cm`: holds for a pod without an annotation. */
  readonly initdata?: string;
  readonly platform: PeerPodPlatform;
  /** The simulated hardware; not needed for `sample`. */
  readonly simulatedPlatform?: SimulatedPlatform;
  /** Where the key broker is reached from here, in place of the address in the initdata. Its certificate stays that of the initdata. */
  readonly kbsUrl?: string;
  /** 8006 when missing, as in every guest; 0 takes any free port. */
  readonly port?: number;
  /** `all` when missing, as in images of peer pods. */
  readonly feature?: RestApiFeature;
  /** Root folder of the guest's files. */
  readonly folder: string;
  readonly clock: Clock;
  readonly wait?: (ms: number) => Promise<void>;
  readonly onStep?: (component: 'agent' | 'hub', step: BrokerStep) => void;
  /** Told when a workload got an error; what is in it is no secret. */
  readonly onFailure?: (path: string, error: PlatformError) => void;
}

/** A container as it would run: every sealed value is unsealed. */
export interface StartedContainer {
  readonly name: string;
  readonly environment: ReadonlyMap<string, string>;
  readonly secretFiles: ReadonlyMap<string, string>;
  /** Names of the variables and files that were sealed. */
  readonly unsealed: readonly string[];
}

/** A peer pod in its simulated machine. */
export interface RunningPeerPod {
  /** Where workloads ask, such as `http://127.0.0.1:8006`. */
  readonly url: string;
  readonly pod: PeerPodManifest;
  readonly config: GuestConfig;
  readonly machine: Machine;
  readonly policy: AgentPolicy;
  readonly containers: readonly StartedContainer[];
  readonly hub: DataHub;
  stop(): Promise<void>;
}

export const API_PORT = 8006;
const VERSION = 'holdfast 0.1.0';

/**
 * Starts a peer pod in a simulated machine: reads and measures its initdata, asks their policy about its containers, starts
 * attestation agent, data hub and their interface on loopback, fetches credentials, and unseals what is sealed in the containers.
 * Nothing is left running when something of it fails.
 * @throws RequestError PEER_POD_INVALID, PEER_POD_PLATFORM_MISSING, PEER_POD_BROKER_ABSENT
 * @throws MalformedError PEER_POD_CONFIG_INVALID, INITDATA_…, REGO_…
 * @throws PolicyError PEER_POD_POLICY_REFUSED
 * @throws DependencyError LISTEN_FAILED, PEER_POD_FOLDER_UNUSABLE
 * @throws the errors of `DataHub` about credentials and sealed secrets
 */
export async function startPeerPod(options: StartPeerPodOptions): Promise<RunningPeerPod> {
  const pod = readPeerPod(options.pod);
  const { annotation, legacyAnnotation } = pod;
  const config = readGuestConfig({ annotation, legacyAnnotation, global: options.initdata });
  const policy = createAgentPolicy(config.policy);
  admitPod(policy, pod);
  const machine = await createMachine(options.platform, config.measurements, options.simulatedPlatform);
  await writeGuestFiles(options.folder, config);

  const clients: HttpClient[] = [];
  const { agent, hub } = await startComponents(options, config, machine, clients);
  const { onFailure } = options;
  const app = buildRestApi({
    agent,
    hub,
    feature: options.feature ?? 'all',
    version: VERSION,
    ...(onFailure === undefined ? {} : { onFailure }),
  });
  const stop = async (): Promise<void> => {
    await app.close();
    await Promise.all(clients.map((client) => client.close()));
  };
  try {
    const url = await listen(app, { host: '127.0.0.1', port: options.port ?? API_PORT });
    for (const { resourceUri, path } of config.hub.credentials) {
      await writeGuestFile(options.folder, path, await hub.getResource(pathOfResourceUri(resourceUri)));
    }
    const containers: StartedContainer[] = [];
    for (const container of pod.containers) containers.push(await unsealContainer(container, hub));
    return { url, pod, config, machine, policy, containers, hub, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startComponents(
  options: StartPeerPodOptions,
  config: GuestConfig,
  machine: Machine,
  clients: HttpClient[],
): Promise<{ readonly agent: AttestationAgent; readonly hub: DataHub }> {
  const { clock, wait, onStep } = options;
  const connect = async (
    component: 'agent' | 'hub',
    broker: BrokerSettings | undefined,
    keyAlgorithm: TeeKeyAlgorithm,
  ): Promise<BrokerClient | undefined> => {
    if (broker === undefined) return undefined;
    const http = new HttpClient(broker.certificate === undefined ? {} : { ca: broker.certificate });
    clients.push(http);
    return new BrokerClient({
      url: options.kbsUrl ?? broker.url,
      http,
      key: await createTeeKey(keyAlgorithm),
      source: machine,
      ...(machine.passesInitdata ? { initdata: config.initdata.document } : {}),
      clock,
      wait: wait ?? delay,
      ...(onStep === undefined ? {} : { onStep: (step) => onStep(component, step) }),
    });
  };
  const agentBroker = await connect('agent', config.agent.broker, config.agent.keyAlgorithm);
  const hubBroker = await connect('hub', config.hub.broker, 'ECDH-ES+A256KW-P256');
  return {
    agent: new AttestationAgent({ machine, broker: agentBroker, settings: config.agent, clock }),
    hub: new DataHub({
      broker: hubBroker,
      settings: config.hub,
      keyFolder: join(options.folder, SEALING_KEY_FOLDER),
    }),
  };
}

async function unsealContainer(container: PeerPodContainer, hub: DataHub): Promise<StartedContainer> {
  const unsealed: string[] = [];
  const open = async (values: ReadonlyMap<string, string>): Promise<ReadonlyMap<string, string>> => {
    const opened = new Map<string, string>();
    for (const [name, value] of values) {
      if (isSealed(value)) unsealed.push(name);
      opened.set(name, isSealed(value) ? fromUtf8(await hub.unseal(value)) : value);
    }
    return opened;
  };
  const environment = await open(container.environment);
  const secretFiles = await open(container.secretFiles);
  return { name: container.name, environment, secretFiles, unsealed };
}
