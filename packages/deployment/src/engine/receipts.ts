import type { DeploymentConfig } from '../config/profiles.ts';
import { idOf } from '../graph/parts.ts';
import { inspectBundle } from '../bundle/inspect-bundle.ts';
import type { KubernetesObject } from '../manifests/object.ts';
import { bundleVersion, versionSlug } from '../manifests/operator.ts';
import { deploymentPrefix, environmentOf, stateName } from './names.ts';
import type { StatePort } from './ports.ts';
import type { Run } from './run.ts';

const FOLDER = 'receipts';

/** What was brought to a healthy end, for upgrades, rollbacks, removal, and the question whether integ came before prod. */
export interface Receipt {
  readonly version: 1;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly command: 'apply' | 'upgrade' | 'rollback' | 'rotate-key' | 'destroy';
  readonly profile: DeploymentConfig['profile'];
  readonly environment: string;
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly configHash: string;
  /** Everything was healthy at the end. */
  readonly healthy: boolean;
  /** Release of the operator. */
  readonly release?: { readonly version: string; readonly slot: string; readonly policyDigest: string | undefined };
  /** Ids of resources that this tool makes, and of those that existed and are only added to. */
  readonly created: readonly string[];
  readonly adopted: readonly string[];
  /** The objects of the workload as they were applied, so that they can be applied again. */
  readonly workload: readonly KubernetesObject[];
  readonly openWork: readonly string[];
  /** What else a command wants to keep. */
  readonly notes?: Readonly<Record<string, string>>;
}

/** The receipt of a run; `release` names the version when a bundle is deployed. */
export async function makeReceipt(
  run: Run,
  more: Pick<Receipt, 'command' | 'healthy' | 'openWork'> & Partial<Pick<Receipt, 'notes'>>,
): Promise<Receipt> {
  const { config, resolved, bundle, ports } = run;
  const arm = run.graph.nodes.flatMap((node) => (node.kind === 'arm' ? [node] : []));
  const workloadIds = new Set(run.nodesOf('S8').map(({ id }) => id));
  const sets = (await run.manifests()).filter(({ id }) => workloadIds.has(id));
  let release: Receipt['release'];
  if (config.profile === 'uid2-vn2' && bundle !== undefined) {
    const version = bundleVersion(bundle, config);
    release = { version, slot: versionSlug(version), policyDigest: inspectBundle(bundle, config).digest };
  }
  return {
    version: 1,
    at: ports.clock(),
    profile: config.profile,
    environment: environmentOf(config),
    subscriptionId: resolved.subscriptionId,
    resourceGroup: config.resourceGroup.name,
    configHash: run.configHash,
    ...(release === undefined ? {} : { release }),
    created: arm.filter(({ merge }) => merge !== true).map(idOf),
    adopted: arm.filter(({ merge }) => merge === true).map(idOf),
    workload: sets.flatMap(({ objects }) => objects),
    ...more,
  };
}

/** Keeps a receipt; the newest of a deployment replaces none of the older ones. */
export async function saveReceipt(state: StatePort, config: DeploymentConfig, receipt: Receipt): Promise<string> {
  const parts = [receipt.subscriptionId, receipt.resourceGroup, deploymentPrefix(config), String(receipt.at)];
  const name = stateName(FOLDER, parts, 'json');
  await state.write(name, `${JSON.stringify(receipt)}\n`);
  return name;
}

/** All receipts, oldest first; files that are none are left out. */
export async function readReceipts(state: StatePort): Promise<readonly Receipt[]> {
  const receipts: Receipt[] = [];
  for (const name of await state.list(FOLDER)) {
    const receipt = parse(await state.read(name.startsWith(`${FOLDER}/`) ? name : `${FOLDER}/${name}`));
    if (receipt !== undefined) receipts.push(receipt);
  }
  return receipts.toSorted((a, b) => a.at - b.at);
}

function parse(text: string | undefined): Receipt | undefined {
  try {
    const value = JSON.parse(text ?? '') as Receipt;
    return value.version === 1 && typeof value.at === 'number' ? value : undefined;
  } catch {
    // Not a receipt; nothing depends on it.
    return undefined;
  }
}

/** Whether a release ran well in `integ`, by version and policy digest: what should come before `prod`. */
export function hasHealthyIntegRun(
  receipts: readonly Receipt[],
  release: { readonly version: string; readonly policyDigest: string | undefined },
): boolean {
  return receipts.some(
    (receipt) =>
      receipt.healthy &&
      receipt.environment === 'integ' &&
      receipt.release?.version === release.version &&
      receipt.release.policyDigest === release.policyDigest,
  );
}
