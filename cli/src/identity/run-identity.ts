import type { ClusterFlags, IdentityAddFlags, IdentityDeleteFlags } from '../commands/identity.ts';
import { writeJson } from '../context.ts';
import type { CliContext } from '../context.ts';
import { line } from '../initdata/render.ts';
import { addPodIdentity, nameOfPodIdentity } from './add-pod-identity.ts';
import { deletePodIdentity } from './delete-pod-identity.ts';
import { connectCloud } from './open-cluster.ts';
import type { ConnectCloud } from './open-cluster.ts';
import { objectIn, profileOf, textIn } from './pod-identity-profile.ts';
import { withCluster } from './with-cluster.ts';

/** `holdfast identity add` */
export async function runAdd(
  { io }: CliContext,
  flags: IdentityAddFlags,
  connect: ConnectCloud = connectCloud,
): Promise<void> {
  nameOfPodIdentity(flags); // before anybody is asked for anything
  await withCluster(io, flags, connect, async (opened) => {
    const { entry, role } = await addPodIdentity(opened, flags, (text) => line(io.stderr, text));
    if (flags.json) writeJson(io, { version: 1, podIdentity: entry, role });
    else line(io.stdout, `label pods of ${flags.namespace} with aadpodidbinding: ${entry.bindingSelector}`);
  });
}

/** `holdfast identity list` */
export async function runList(
  { io }: CliContext,
  flags: ClusterFlags,
  connect: ConnectCloud = connectCloud,
): Promise<void> {
  await withCluster(io, flags, connect, async ({ cluster }) => {
    const { enabled, identities } = profileOf(cluster.body);
    if (flags.json) {
      writeJson(io, { version: 1, enabled, podIdentities: identities });
      return;
    }
    if (!enabled) line(io.stderr, 'the pod identity add-on of the cluster is off');
    for (const each of identities) {
      const state = textIn(each, 'provisioningState') || 'Assigned';
      const place = `${textIn(each, 'namespace')}/${textIn(each, 'name')}`;
      line(
        io.stdout,
        `${place}  selector ${textIn(each, 'bindingSelector')}  client ${textIn(objectIn(each, 'identity'), 'clientId')}  ${state}`,
      );
    }
  });
}

/** `holdfast identity delete` */
export async function runDelete(
  { io }: CliContext,
  flags: IdentityDeleteFlags,
  connect: ConnectCloud = connectCloud,
): Promise<void> {
  const { name, namespace } = flags;
  await withCluster(io, flags, connect, async (opened) => {
    await deletePodIdentity(opened, flags);
    if (flags.json) writeJson(io, { version: 1, deleted: { name, namespace } });
    else line(io.stdout, `pod identity ${namespace}/${name} is deleted`);
  });
}
