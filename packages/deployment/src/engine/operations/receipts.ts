import { isObject } from '../../bundle/shape.ts';
import type { DeploymentConfig } from '../../config/profiles.ts';
import type { KubernetesObject } from '../../manifests/object.ts';
import { contentHash, environmentOf } from '../names.ts';
import type { StatePort } from '../ports.ts';
import { saveReceipt } from '../receipts.ts';
import type { Receipt } from '../receipts.ts';
import type { OperationContext } from './context.ts';

/** One look at the health of the operator. */
export interface ProbeSample {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly ok: boolean;
  /** From here, through the API server, at an address inside the network, or not at all but by being ready. */
  readonly via: 'http' | 'proxy' | 'internal' | 'readiness';
  /** What it answered, in a few words. */
  readonly detail: string;
}

/** What an operation has done, for those who ask later. Never holds a secret. */
export interface OperationReceipt extends Receipt {
  readonly outcome: string;
  /** Slot or version that served before. */
  readonly previous?: string;
  /** Object id of whoever did it. */
  readonly by: string;
  /** Milliseconds since the epoch; `at` is when it ended. */
  readonly startedAt: number;
  readonly probes: readonly ProbeSample[];
}

const RELEASES = 'releases';
const MOST_PROBES = 100;

type OwnFields = Pick<Receipt, 'command' | 'healthy'> &
  Pick<OperationReceipt, 'outcome' | 'startedAt'> &
  Partial<Pick<OperationReceipt, 'release' | 'previous' | 'probes' | 'openWork' | 'notes' | 'workload' | 'created'>>;

/** Keeps a receipt and answers its name. */
export async function writeReceipt(
  { ports, subscriptionId, by }: Pick<OperationContext, 'ports' | 'subscriptionId' | 'by'>,
  config: DeploymentConfig,
  own: OwnFields,
): Promise<string> {
  const receipt: OperationReceipt = {
    version: 1,
    at: ports.clock(),
    profile: config.profile,
    environment: environmentOf(config),
    subscriptionId,
    resourceGroup: config.resourceGroup.name,
    configHash: contentHash({ config }),
    created: [],
    adopted: [],
    workload: [],
    openWork: [],
    by,
    ...own,
    probes: (own.probes ?? []).slice(-MOST_PROBES),
  };
  return saveReceipt(ports.state, config, receipt);
}

/** A release as it was deployed, so that it can be deployed again once it is gone from the cluster. */
export interface StoredRelease {
  readonly slot: string;
  readonly environment: string;
  readonly policyDigest: string | undefined;
  readonly deployment: KubernetesObject;
}

export async function storeRelease(state: StatePort, release: StoredRelease): Promise<void> {
  const { deployment } = release;
  const { name, namespace, labels, annotations } = deployment.metadata;
  const kept: KubernetesObject = {
    apiVersion: deployment.apiVersion,
    kind: deployment.kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations: withoutServerOnes(annotations) }),
    },
    spec: deployment['spec'],
  };
  await state.write(
    `${RELEASES}/${release.slot}.json`,
    `${JSON.stringify({ ...release, deployment: kept }, null, 2)}\n`,
  );
}

function withoutServerOnes(annotations: Readonly<Record<string, string>>): Record<string, string> {
  const server = new Set(['deployment.kubernetes.io/revision', 'kubectl.kubernetes.io/last-applied-configuration']);
  return Object.fromEntries(Object.entries(annotations).filter(([name]) => !server.has(name)));
}

export async function readRelease(state: StatePort, slot: string): Promise<StoredRelease | undefined> {
  const found = parsed(await state.read(`${RELEASES}/${slot}.json`));
  return isObject(found) && isObject(found['deployment']) ? (found as unknown as StoredRelease) : undefined;
}

export async function storedReleases(state: StatePort): Promise<readonly string[]> {
  const names = await state.list(RELEASES);
  return names.map((name) => (name.split('/').at(-1) ?? '').replace(/\.json$/, ''));
}

function parsed(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    // A receipt that was cut off says nothing, and must not stop an operation.
    return undefined;
  }
}
