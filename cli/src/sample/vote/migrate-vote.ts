import { defaultMigrationSettings, withoutBindingLabel } from '@holdfast/admission';
import type { JsonObject } from '@holdfast/admission';
import { DependencyError } from '@holdfast/base';
import type { KubernetesObject, KubernetesPort } from '@holdfast/deployment';

import { deletePodIdentity } from '../../identity/delete-pod-identity.ts';
import { nameOf, readNamespace } from '../../identity/detect-sources.ts';
import { writeFederatedCredential } from '../../identity/federate.ts';
import { migrateDetected } from '../../identity/migrate-detected.ts';
import type { OpenedCluster } from '../../identity/with-cluster.ts';
import type { ClusterWatch } from './cluster-watch.ts';
import { NAME, NAMESPACE } from './vote-azure.ts';
import type { VoteResources } from './vote-azure.ts';

export interface MigrateVoteOptions {
  /** The cluster as Azure has it now. */
  readonly open: () => Promise<OpenedCluster>;
  readonly api: KubernetesPort;
  readonly watch: ClusterWatch;
  readonly resources: VoteResources;
  readonly apply: (objects: readonly KubernetesObject[]) => Promise<void>;
}

/**
 * Takes the running application to workload identity, in the order of the guide: credential, service account, classes, workload; and when
 * the new pod is ready, the label, the pod identity and its objects go, and the pod is made once more.
 * @throws DependencyError SAMPLE_NOT_AS_EXPECTED when what was found cannot be migrated
 */
export async function migrateVote(options: MigrateVoteOptions): Promise<{ readonly serviceAccount: string }> {
  const { open, api, watch, resources, apply } = options;
  const old = await watch.readyPod(NAME);
  const { migrations, problems } = migrateDetected(await readNamespace(api, NAMESPACE), {
    ...defaultMigrationSettings,
    path: 'native',
    issuer: resources.issuer,
  });
  const found = migrations.find(({ name }) => name === NAME);
  if (found === undefined) {
    throw new DependencyError('SAMPLE_NOT_AS_EXPECTED', `nothing to migrate was found: ${problems.join('; ')}`, {
      retryable: false,
    });
  }
  const { credential, serviceAccount, secretClasses, workload } = found;
  const opened = await open();
  await writeFederatedCredential(opened.target.arm, credential);
  await apply(asObjects(serviceAccount, ...secretClasses, workload));
  const migrated = await watch.readyPod(NAME, old.uid);
  await apply(asObjects(withoutBindingLabel(workload)));
  const verified = await watch.readyPod(NAME, migrated.uid);
  await deletePodIdentity(opened, { name: NAME, namespace: NAMESPACE });
  // Only a pod that is made now shows that nothing of pod identity is needed any more.
  await api.remove({ apiVersion: 'v1', kind: 'Pod', name: verified.name, namespace: NAMESPACE });
  await watch.readyPod(NAME, verified.uid);
  return { serviceAccount: nameOf(serviceAccount) };
}

function asObjects(...objects: readonly JsonObject[]): readonly KubernetesObject[] {
  return objects as unknown as readonly KubernetesObject[];
}
