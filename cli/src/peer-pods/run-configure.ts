import { InternalError, RequestError } from '@holdfast/base';
import { peerPodsProblems, peerPodsSets, resolveOffline } from '@holdfast/deployment';

import type { PeerPodsConfigureFlags } from '../commands/peer-pods.ts';
import { writeJson } from '../context.ts';
import type { CliContext } from '../context.ts';
import { loadDeployment } from '../deployment/load-config.ts';
import { line } from '../initdata/render.ts';
import { openPeerPodCluster } from './open-cluster.ts';
import type { OpenPeerPodCluster } from './open-cluster.ts';

/** `holdfast peer-pods configure` */
export async function runConfigure(
  context: CliContext,
  flags: PeerPodsConfigureFlags,
  path: string,
  open: OpenPeerPodCluster = openPeerPodCluster,
): Promise<void> {
  const { io } = context;
  const loaded = await loadDeployment(io, path, flags.json, (one, lineOf) => resolveOffline(one, lineOf).problems);
  const { config } = loaded;
  if (config.profile !== 'peer-pods' || config.podVms === undefined) {
    throw new RequestError('PEER_PODS_NOT_CONFIGURED', `${loaded.file} is no peer-pods deployment with podVms`, {
      action: 'Name a configuration such as examples/peer-pods.yaml.',
    });
  }
  if (config.tenantId === undefined) {
    throw new RequestError('PEER_PODS_NOT_CONFIGURED', 'tenantId is missing, and Azure is not asked here', {
      action: 'az account show --query tenantId shows it.',
    });
  }
  const { resolved } = resolveOffline(config, loaded.lineOf);
  if (resolved === undefined) {
    throw new InternalError('DEPLOYMENT_GRAPH_BROKEN', 'a configuration without problems was not resolved');
  }
  for (const { severity, key, message } of peerPodsProblems(config)) {
    line(io.stderr, `${severity.padEnd(7)}  ${key}: ${message}`);
  }
  const cluster = await open(io, flags.kubeconfig);
  const applied: string[] = [];
  for (const { objects, fieldManager } of peerPodsSets(config, resolved)) {
    for (const object of objects) {
      const { kind, metadata } = await cluster.apply(object, { fieldManager, dryRun: flags.dryRun });
      const place = metadata.namespace === undefined ? '' : `${metadata.namespace}/`;
      applied.push(`${kind} ${place}${metadata.name}`);
    }
  }
  if (flags.json) {
    writeJson(io, { version: 1, applied, dryRun: flags.dryRun });
    return;
  }
  for (const what of applied) line(io.stdout, `${flags.dryRun ? 'would apply' : 'applied'}  ${what}`);
  line(io.stderr, 'The adaptor reads the settings when the pods of its DaemonSet start again.');
}
