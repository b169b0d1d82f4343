import { offerPodVms, POD_VM_RESOURCE, withdrawPodVmOffer } from '@holdfast/deployment';
import type { PodVmState } from '@holdfast/deployment';

import type { PeerPodsAdvertiseFlags, PeerPodsNodeFlags } from '../commands/peer-pods.ts';
import { writeJson } from '../context.ts';
import type { CliContext } from '../context.ts';
import { line } from '../initdata/render.ts';
import { openPeerPodCluster } from './open-cluster.ts';
import type { OpenPeerPodCluster } from './open-cluster.ts';

/** `holdfast peer-pods advertise` */
export async function runAdvertise(
  context: CliContext,
  flags: PeerPodsAdvertiseFlags,
  open: OpenPeerPodCluster = openPeerPodCluster,
): Promise<void> {
  const { limit, takeOver, owner } = flags;
  const cluster = await open(context.io, flags.kubeconfig);
  const states: PodVmState[] = [];
  for (const node of flags.node) states.push(await offerPodVms(cluster, { node, owner, limit, takeOver }));
  report(context, flags, states);
}

/** `holdfast peer-pods withdraw` */
export async function runWithdraw(
  context: CliContext,
  flags: PeerPodsNodeFlags,
  open: OpenPeerPodCluster = openPeerPodCluster,
): Promise<void> {
  const cluster = await open(context.io, flags.kubeconfig);
  const states: PodVmState[] = [];
  for (const node of flags.node) states.push(await withdrawPodVmOffer(cluster, { node, owner: flags.owner }));
  report(context, flags, states);
}

function report({ io }: CliContext, { json }: PeerPodsNodeFlags, states: readonly PodVmState[]): void {
  if (json) {
    writeJson(io, {
      version: 1,
      nodes: states.map((state) => ({ ...state, capacity: state.capacity ?? null, owner: state.owner ?? null })),
    });
    return;
  }
  for (const { node, owner, capacity, changed } of states) {
    const offers = capacity === undefined ? `offers no ${POD_VM_RESOURCE}` : `offers ${capacity} ${POD_VM_RESOURCE}`;
    const whose = owner === undefined || capacity === undefined ? '' : ` of ${owner}`;
    line(io.stdout, `${node}: ${offers}${whose}${changed ? '' : ' (nothing changed)'}`);
  }
}
