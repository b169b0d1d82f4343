import { errorMessage, PlatformError } from '@holdfast/base';

import type { DeploymentConfig } from '../../config/profiles.ts';
import type { Need } from '../check.ts';
import type { AzureFacts, Facts, GatherNote } from '../facts.ts';
import { gatherCapacity, gatherKubernetes } from './gather-capacity.ts';
import { gatherAssignments, gatherCluster } from './gather-cluster.ts';
import type { GatherContext, GatherPorts } from './gather-context.ts';
import { gatherGroup } from './gather-group.ts';
import { gatherAttestationProvider, gatherNetwork } from './gather-network.ts';
import { gatherPermissions } from './gather-permissions.ts';
import {
  gatherCredential,
  gatherFeatures,
  gatherProviders,
  gatherRedis,
  gatherRegions,
  gatherSubscription,
} from './gather-subscription.ts';
import { gatherVault } from './gather-vault.ts';

/** How long one gatherer may take. */
const DEADLINE_MS = 20_000;

export interface GatherOptions {
  /** Which kinds of facts are wanted: `azure`, and `cluster` for the inside of the cluster. */
  readonly needs: ReadonlySet<Need>;
  /** Only what these checks look at. */
  readonly only?: ReadonlySet<string>;
  readonly deadlineMs?: number;
}

/** One question, or a few that belong together, and who wants the answer. */
interface Gatherer<MEMBER extends keyof AzureFacts = keyof AzureFacts> {
  readonly member: MEMBER;
  readonly subject: string;
  readonly checks: readonly string[];
  /** What it means when there is no answer; without it there always is one. */
  readonly absent?: string;
  readonly gather: (context: GatherContext, options: GatherOptions) => Promise<AzureFacts[MEMBER]>;
}

const gatherer = <MEMBER extends keyof AzureFacts>(definition: Gatherer<MEMBER>): Gatherer => definition;

/** Everything that is asked. Each stands alone: one that fails leaves its own checks open and no others. */
const gatherers: readonly Gatherer[] = [
  gatherer({
    member: 'credential',
    subject: 'the credential',
    checks: ['CR-01', 'CR-02', 'CR-03', 'CR-04'],
    gather: gatherCredential,
  }),
  gatherer({
    member: 'subscription',
    subject: 'the subscription',
    checks: ['CR-02', 'SB-01', 'SB-02', 'VT-04'],
    gather: gatherSubscription,
  }),
  gatherer({
    member: 'permissions',
    subject: 'your permissions',
    checks: ['PM-01', 'PM-02', 'PM-03', 'PM-04', 'PM-05', 'PM-07', 'PM-08', 'PV-02'],
    gather: gatherPermissions,
  }),
  gatherer({
    member: 'group',
    subject: 'the resource group',
    checks: ['PM-01', 'PM-06', 'RG-01', 'RG-02', 'RG-03', 'RG-04', 'NM-16'],
    gather: gatherGroup,
  }),
  gatherer({
    member: 'providers',
    subject: 'the resource providers',
    checks: ['PV-01', 'PV-02', 'PV-03', 'LO-05'],
    gather: gatherProviders,
  }),
  gatherer({
    member: 'features',
    subject: 'the preview features',
    checks: ['PV-04', 'KC-04'],
    gather: gatherFeatures,
  }),
  gatherer({
    member: 'regions',
    subject: 'the regions',
    checks: ['LO-01', 'LO-02', 'LO-03'],
    gather: gatherRegions,
  }),
  gatherer({
    member: 'kubernetes',
    subject: 'the Kubernetes versions',
    checks: ['KV-01', 'KV-02', 'KV-03', 'KV-06'],
    gather: gatherKubernetes,
  }),
  gatherer({
    member: 'capacity',
    subject: 'sizes and quotas',
    checks: ['QT-01', 'QT-02', 'QT-03', 'QT-05', 'QT-06', 'QT-07', 'QT-08'],
    gather: gatherCapacity,
  }),
  gatherer({
    member: 'vault',
    subject: 'the vault',
    checks: ['NM-13', 'NM-14', 'NM-15', 'RP-01', 'VT-01', 'VT-02', 'VT-03', 'VT-04', 'OK-05', 'KC-05'],
    absent: 'this deployment makes no vault',
    gather: gatherVault,
  }),
  gatherer({
    member: 'network',
    subject: 'the network',
    checks: ['NW-08', 'NW-09', 'NW-11', 'NW-13', 'NW-15', 'PL-01', 'PP-05', 'PP-06'],
    gather: gatherNetwork,
  }),
  gatherer({
    member: 'cluster',
    subject: 'the cluster',
    checks: 'NW-12 NW-14 KV-04 KC-04 CL-01 CL-02 CL-03 CL-04 NS-01 NS-02 NS-03 NS-04 PI-01 RP-02'.split(' '),
    absent: 'the cluster does not exist yet',
    gather: async (context, { needs }) => await gatherCluster(context, needs.has('cluster')),
  }),
  gatherer({
    member: 'assignments',
    subject: 'the role assignments',
    checks: ['RA-01', 'RA-02'],
    absent: 'the resource group does not exist yet',
    gather: gatherAssignments,
  }),
  gatherer({
    member: 'attestationProvider',
    subject: 'the attestation provider',
    checks: ['MA-03'],
    absent: 'no provider is named that must exist',
    gather: gatherAttestationProvider,
  }),
  gatherer({ member: 'hadRedis', subject: 'Azure Cache for Redis', checks: ['RD-01'], gather: gatherRedis }),
];

/** Gatherers that only some profiles need. */
const profilesOf: Partial<Record<keyof AzureFacts, readonly DeploymentConfig['profile'][]>> = {
  features: ['kata-cc'],
  attestationProvider: ['kata-cc'],
  hadRedis: ['private-link'],
  kubernetes: ['uid2-vn2', 'kata-cc', 'private-link'],
  cluster: ['uid2-vn2', 'kata-cc', 'private-link'],
  assignments: ['uid2-vn2', 'kata-cc', 'private-link'],
  vault: ['uid2-vn2', 'kata-cc', 'private-link'],
};

/**
 * Asks Azure and the cluster for everything that the checks of a configuration look at, side by side, each question with its
 * own deadline. Nothing is changed, and nothing is thrown: what could not be found out is missing from the facts, and
 * `azure.notes` says why.
 */
export async function gatherFacts(
  config: DeploymentConfig,
  ports: GatherPorts,
  options: GatherOptions,
): Promise<Facts> {
  const { needs, only } = options;
  if (!needs.has('azure') && !needs.has('cluster')) return {};
  const subscriptionId = await subscriptionOf(config, ports, options);
  if (typeof subscriptionId !== 'string') return { azure: subscriptionId };
  const wanted = gatherers.filter(
    ({ member, checks }) =>
      (profilesOf[member]?.includes(config.profile) ?? true) &&
      (only === undefined || checks.some((id) => only.has(id))),
  );
  const answers = await Promise.all(
    wanted.map(async (one) => await answerOf(one, { config, ports, subscriptionId }, options)),
  );
  const facts = Object.assign({}, ...answers.map(({ facts: found }) => found)) as AzureFacts;
  const notes = answers.flatMap(({ note }) => (note === undefined ? [] : [note]));
  return {
    azure: {
      ...facts,
      ...(ports.armEndpoint === undefined ? {} : { armEndpoint: ports.armEndpoint }),
      ...(notes.length === 0 ? {} : { notes }),
    },
  };
}

/** The configured subscription, or that of the credential; what is known instead when the service does not tell. */
async function subscriptionOf(
  config: DeploymentConfig,
  ports: GatherPorts,
  options: GatherOptions,
): Promise<string | AzureFacts> {
  if (config.subscriptionId !== undefined) return config.subscriptionId;
  try {
    const subscription = await within(ports, options, async (signal) => await ports.arm.subscription({ signal }));
    const id = subscription['subscriptionId'];
    if (typeof id === 'string') return id;
    return { notes: [{ subject: 'the subscription', checks: [], reason: 'Azure does not say which one it is' }] };
  } catch (error) {
    return { notes: [{ subject: 'the subscription', checks: [], reason: reasonOf(error) }] };
  }
}

interface Answer {
  readonly facts: AzureFacts;
  readonly note?: GatherNote;
}

async function answerOf(
  { member, subject, checks, absent, gather }: Gatherer,
  context: Omit<GatherContext, 'signal'>,
  options: GatherOptions,
): Promise<Answer> {
  try {
    const found = await within(context.ports, options, async (signal) => await gather({ ...context, signal }, options));
    if (found !== undefined) return { facts: { [member]: found } };
    return absent === undefined ? { facts: {} } : { facts: {}, note: { subject, checks, reason: absent } };
  } catch (error) {
    return { facts: {}, note: { subject, checks, reason: `could not check: ${reasonOf(error)}` } };
  }
}

class DeadlineOver extends Error {}

/** Runs something until its time is over; what it still waits for is then aborted. */
async function within<T>(
  { sleep }: GatherPorts,
  { deadlineMs = DEADLINE_MS }: GatherOptions,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const work = new AbortController();
  const timer = new AbortController();
  const deadline = sleep(deadlineMs, timer.signal).then(() => {
    throw new DeadlineOver(`no answer within ${deadlineMs / 1000} s`);
  });
  try {
    return await Promise.race([run(work.signal), deadline]);
  } finally {
    // Whichever came first ends the other; nobody looks at its outcome any more.
    deadline.catch(() => undefined);
    timer.abort();
    work.abort();
  }
}

/** One sentence. A refusal names what Azure calls it, which is what an administrator asks for. */
function reasonOf(error: unknown): string {
  const message = errorMessage(error).replace(/\.$/, '');
  return error instanceof PlatformError && error.action !== undefined ? `${message}. ${error.action}` : message;
}
