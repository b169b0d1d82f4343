import { assertIdentityResourceId } from '@holdfast/admission';
import { RequestError } from '@holdfast/base';
import type { JsonObject } from '@holdfast/deployment';

import type { ClusterFlags, IdentityAddFlags, IdentityDeleteFlags } from '../commands/identity.ts';
import { writeJson } from '../context.ts';
import type { CliContext } from '../context.ts';
import { line } from '../initdata/render.ts';
import { ensureDefinitions, identityObjects, removeObjects, writeObjects } from './identity-objects.ts';
import { CLUSTER_API, connectCloud, openApiServer, readCluster } from './open-cluster.ts';
import type { ConnectCloud } from './open-cluster.ts';
import { clusterPrincipal, grantOperatorRole } from './operator-role.ts';
import {
  assertAddOn,
  isNamed,
  objectIn,
  profileOf,
  textIn,
  withEntry,
  withoutEntry,
  withProfile,
} from './pod-identity-profile.ts';
import type { ProfileIdentity } from './pod-identity-profile.ts';

const IDENTITY_API = '2023-01-31';

/** `holdfast identity add` */
export async function runAdd(
  context: CliContext,
  flags: IdentityAddFlags,
  connect: ConnectCloud = connectCloud,
): Promise<void> {
  const { io } = context;
  const resourceId = flags.identityResourceId;
  assertIdentityResourceId(resourceId);
  const name = flags.name ?? resourceId.split('/').at(-1) ?? '';
  assertName(name);
  assertName(flags.namespace);
  const say = (text: string): void => line(io.stderr, text);
  const target = await connect(io, flags);
  try {
    const cluster = await readCluster(target, flags);
    assertAddOn(cluster.body, flags);
    const managed = await target.arm.read(resourceId, IDENTITY_API);
    if (managed === undefined) {
      throw new RequestError('IDENTITY_ABSENT', `there is no managed identity ${resourceId}`, {
        action: 'Create it with az identity create, and give its id.',
      });
    }
    const properties = objectIn(managed, 'properties');
    const entry: ProfileIdentity = {
      name,
      namespace: flags.namespace,
      bindingSelector: flags.bindingSelector ?? name,
      identity: {
        clientId: textIn(properties, 'clientId'),
        objectId: textIn(properties, 'principalId'),
        resourceId,
      },
    };
    const role = await grantOperatorRole(target.arm, resourceId, {
      id: cluster.id,
      principalId: clusterPrincipal(cluster.body),
    });
    say(
      `role: Managed Identity Operator of ${name} ${role === 'granted' ? 'given to the cluster' : 'is the cluster’s already'}`,
    );
    const identities = withEntry(profileOf(cluster.body).identities, entry as unknown as JsonObject);
    const written = await target.arm.write(
      cluster.id,
      CLUSTER_API,
      withProfile(cluster.body, {
        enabled: true,
        ...(flags.allowKubenet ? { allowNetworkPluginKubenet: true } : {}),
        userAssignedIdentities: identities,
      }),
    );
    say(`cluster: pod identity ${flags.namespace}/${name} is in the profile`);
    assertAssigned(written, entry);
    const api = await openApiServer(io, target, cluster, flags.kubeconfig);
    await ensureDefinitions(api);
    await writeObjects(api, identityObjects(entry));
    say(`namespace ${flags.namespace}: AzureIdentity ${name} and AzureIdentityBinding ${name}-binding are written`);
    if (flags.json) writeJson(io, { version: 1, podIdentity: entry, role });
    else line(io.stdout, `label pods of ${flags.namespace} with aadpodidbinding: ${entry.bindingSelector}`);
  } finally {
    await target.close();
  }
}

/** `holdfast identity list` */
export async function runList(
  context: CliContext,
  flags: ClusterFlags,
  connect: ConnectCloud = connectCloud,
): Promise<void> {
  const { io } = context;
  const target = await connect(io, flags);
  try {
    const { enabled, identities } = profileOf((await readCluster(target, flags)).body);
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
  } finally {
    await target.close();
  }
}

/** `holdfast identity delete` */
export async function runDelete(
  context: CliContext,
  flags: IdentityDeleteFlags,
  connect: ConnectCloud = connectCloud,
): Promise<void> {
  const { io } = context;
  const target = await connect(io, flags);
  try {
    const cluster = await readCluster(target, flags);
    const identities = withoutEntry(profileOf(cluster.body).identities, flags, 'pod identity');
    await target.arm.write(cluster.id, CLUSTER_API, withProfile(cluster.body, { userAssignedIdentities: identities }));
    const api = await openApiServer(io, target, cluster, flags.kubeconfig);
    const { name, namespace } = flags;
    const identity = { clientId: '', objectId: '', resourceId: '' };
    await removeObjects(api, identityObjects({ name, namespace, bindingSelector: '', identity }));
    if (flags.json) writeJson(io, { version: 1, deleted: { name, namespace } });
    else line(io.stdout, `pod identity ${namespace}/${name} is deleted`);
  } finally {
    await target.close();
  }
}

/** The add-on reports an identity that it could not attach inside a write that succeeded. */
function assertAssigned(cluster: JsonObject, entry: ProfileIdentity): void {
  const found = profileOf(cluster).identities.find((each) => isNamed(each, entry));
  if (textIn(found, 'provisioningState') !== 'Failed') return;
  const error = objectIn(found, 'provisioningInfo', 'error', 'error');
  throw new RequestError(
    'POD_IDENTITY_FAILED',
    `the add-on cannot assign ${entry.name}: ${textIn(error, 'code')}: ${textIn(error, 'message')}`,
    {
      action: 'Correct what the message names, and run the command again.',
    },
  );
}

const NAME = /^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/;

/**
 * Refuses what Kubernetes would refuse as the name of an object, before anything is changed.
 * @throws RequestError POD_IDENTITY_NAME_INVALID
 */
export function assertName(name: string): void {
  if (NAME.test(name)) return;
  throw new RequestError(
    'POD_IDENTITY_NAME_INVALID',
    `${JSON.stringify(name)} cannot be the name of a Kubernetes object`,
    {
      action: 'Use lower-case letters, digits, - and . only; name the pod identity with --name.',
    },
  );
}
