import { createHash } from 'node:crypto';

import { RequestError } from '@holdfast/base';

import type { ClusterFlags, ExceptionAddFlags, IdentityDeleteFlags } from '../commands/identity.ts';
import { writeJson } from '../context.ts';
import type { CliContext } from '../context.ts';
import { line } from '../initdata/render.ts';
import { assertName } from './add-pod-identity.ts';
import { ensureDefinitions, exceptionObject, removeObjects, writeObjects } from './identity-objects.ts';
import { connectCloud } from './open-cluster.ts';
import type { ConnectCloud } from './open-cluster.ts';
import { assertAddOn, objectIn, profileOf, textIn, withEntry, withoutEntry } from './pod-identity-profile.ts';
import { withCluster } from './with-cluster.ts';

/** `holdfast identity exception add` */
export async function runExceptionAdd(
  { io }: CliContext,
  flags: ExceptionAddFlags,
  connect: ConnectCloud = connectCloud,
): Promise<void> {
  const podLabels = parseLabels(flags.podLabels);
  const entry = { name: flags.name ?? nameFor(podLabels), namespace: flags.namespace, podLabels };
  assertName(entry.name);
  assertName(entry.namespace);
  await withCluster(io, flags, connect, async ({ cluster, writeProfile, openApi }) => {
    assertAddOn(cluster.body, { enable: false, allowKubenet: false });
    const exceptions = withEntry(profileOf(cluster.body).exceptions, entry);
    await writeProfile({ userAssignedIdentityExceptions: exceptions });
    const api = await openApi();
    await ensureDefinitions(api);
    await writeObjects(api, [exceptionObject(entry)]);
    if (flags.json) writeJson(io, { version: 1, exception: entry });
    else
      line(io.stdout, `pods of ${entry.namespace} with any of ${labelsText(podLabels)} are excepted by ${entry.name}`);
  });
}

/** `holdfast identity exception list` */
export async function runExceptionList(
  { io }: CliContext,
  flags: ClusterFlags,
  connect: ConnectCloud = connectCloud,
): Promise<void> {
  await withCluster(io, flags, connect, async ({ cluster }) => {
    const { exceptions } = profileOf(cluster.body);
    if (flags.json) {
      writeJson(io, { version: 1, exceptions });
      return;
    }
    for (const each of exceptions) {
      const labels = objectIn(each, 'podLabels') as Readonly<Record<string, string>>;
      line(io.stdout, `${textIn(each, 'namespace')}/${textIn(each, 'name')}  ${labelsText(labels)}`);
    }
  });
}

/** `holdfast identity exception delete` */
export async function runExceptionDelete(
  { io }: CliContext,
  flags: IdentityDeleteFlags,
  connect: ConnectCloud = connectCloud,
): Promise<void> {
  const { name, namespace } = flags;
  await withCluster(io, flags, connect, async ({ cluster, writeProfile, openApi }) => {
    const exceptions = withoutEntry(profileOf(cluster.body).exceptions, flags, 'exception');
    await writeProfile({ userAssignedIdentityExceptions: exceptions });
    await removeObjects(await openApi(), [exceptionObject({ name, namespace, podLabels: {} })]);
    if (flags.json) writeJson(io, { version: 1, deleted: { name, namespace } });
    else line(io.stdout, `exception ${namespace}/${name} is deleted`);
  });
}

function parseLabels(texts: readonly string[]): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {};
  for (const text of texts) {
    const [, key, value] = /^([^=\s]+)=(\S*)$/.exec(text) ?? [];
    if (key === undefined || value === undefined) {
      throw new RequestError('POD_LABELS_INVALID', `"${text}" is no label; labels are KEY=VALUE`, {
        action: 'Give --pod-labels once for each label.',
      });
    }
    labels[key] = value;
  }
  return labels;
}

/** The same labels have the same name, so that adding them twice changes nothing. */
function nameFor(labels: Readonly<Record<string, string>>): string {
  const sorted = Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `exception-${createHash('sha256').update(JSON.stringify(sorted)).digest('hex').slice(0, 8)}`;
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ');
}
