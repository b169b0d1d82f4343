import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { credentialCommand, credentialTemplate, MIGRATION_RELEASE, parseTokenExpiration } from '@holdfast/admission';
import type { Migration, MigrationSettings } from '@holdfast/admission';
import { RequestError } from '@holdfast/base';
import { manifestYaml } from '@holdfast/deployment';
import type { KubernetesObject } from '@holdfast/deployment';
import { writeFileAtomic } from '@holdfast/process';

import type { IdentityDetectFlags } from '../commands/identity.ts';
import { writeJson } from '../context.ts';
import type { CliContext, CliIo } from '../context.ts';
import { EXIT_FAILED } from '../failure.ts';
import { line } from '../initdata/render.ts';
import { nameOf, readFiles, readNamespace } from './detect-sources.ts';
import type { DetectedObjects } from './detect-sources.ts';
import { migrateDetected } from './migrate-detected.ts';
import { connectCloud, openApiServer, readCluster, readKubeconfig } from './open-cluster.ts';
import type { ConnectCloud } from './open-cluster.ts';
import { objectIn, textIn } from './pod-identity-profile.ts';

/** Something uses pod identity, and all of it can be migrated. */
const EXIT_MIGRATE = 2;

/** `holdfast identity detect` */
export async function runDetect(
  context: CliContext,
  flags: IdentityDetectFlags,
  ...rest: readonly (string | ConnectCloud)[]
): Promise<void> {
  const files = rest.filter((each) => typeof each === 'string');
  const connect = rest.find((each) => typeof each === 'function') ?? connectCloud;
  const { io } = context;
  const tokenExpirationSeconds = parseTokenExpiration(flags.serviceAccountTokenExpiration);
  const { found, issuer } = await readSource(io, flags, files, connect);
  const settings: MigrationSettings = {
    path: flags.path,
    proxyPort: flags.proxyPort,
    tokenExpirationSeconds,
    release: MIGRATION_RELEASE,
    ...(flags.tenantId === undefined ? {} : { tenantId: flags.tenantId }),
    ...(issuer === undefined ? {} : { issuer }),
  };
  const { migrations, problems, notes } = migrateDetected(found, settings);
  const folder = flags.out === undefined ? undefined : resolve(io.cwd, flags.out);
  const named = withFiles(migrations);
  if (folder !== undefined) for (const each of named) await writeFiles(folder, each);
  if (problems.length > 0) context.setExitCode(EXIT_FAILED);
  else if (migrations.length > 0) context.setExitCode(EXIT_MIGRATE);
  if (flags.json) {
    writeJson(io, { version: 1, workloads: named.map(asJson), problems, notes });
    return;
  }
  for (const note of notes) line(io.stderr, `note: ${note}`);
  for (const problem of problems) line(io.stderr, `cannot be migrated: ${problem}`);
  for (const each of named) show(io, each, folder !== undefined);
  if (migrations.length === 0 && problems.length === 0) line(io.stdout, 'nothing here uses pod identity');
  if (migrations.length > 0) showOrder(io, folder !== undefined);
}

interface Source {
  readonly found: DetectedObjects;
  readonly issuer: string | undefined;
}

async function readSource(
  io: CliIo,
  flags: IdentityDetectFlags,
  files: readonly string[],
  connect: ConnectCloud,
): Promise<Source> {
  const { clusterName, resourceGroup, kubeconfig } = flags;
  const isCluster = clusterName !== undefined || kubeconfig !== undefined;
  if (isCluster === files.length > 0) {
    throw new RequestError(
      'DETECT_SOURCE',
      isCluster ? 'both files and a cluster are named' : 'neither files nor a cluster are named',
      {
        action: 'Name manifests, or a cluster with --cluster-name or --kubeconfig.',
      },
    );
  }
  if (!isCluster) return { found: await readFiles(io, files, flags.namespace), issuer: flags.issuer };
  const namespace = flags.namespace ?? 'default';
  if (clusterName === undefined) {
    const { openKubernetes } = await import('@holdfast/kubernetes');
    const api = await openKubernetes(await readKubeconfig(resolve(io.cwd, kubeconfig ?? '')));
    return { found: await readNamespace(api, namespace), issuer: flags.issuer };
  }
  if (resourceGroup === undefined) {
    throw new RequestError('DETECT_SOURCE', 'the resource group of the cluster is not named', {
      action: 'Give --resource-group.',
    });
  }
  const target = await connect(io, flags);
  try {
    const cluster = await readCluster(target, { clusterName, resourceGroup });
    const own = textIn(objectIn(cluster.body, 'properties', 'oidcIssuerProfile'), 'issuerURL');
    const api = await openApiServer(io, target, cluster, kubeconfig);
    return { found: await readNamespace(api, namespace), issuer: flags.issuer ?? (own === '' ? undefined : own) };
  } finally {
    await target.close();
  }
}

interface NamedMigration {
  readonly migration: Migration;
  readonly files: { readonly credential: string; readonly serviceAccount: string; readonly workload: string };
}

/** Files are named after the workload; its kind and namespace are added where names meet. */
function withFiles(migrations: readonly Migration[]): readonly NamedMigration[] {
  const isOneNamespace = new Set(migrations.map(({ namespace }) => namespace)).size <= 1;
  return migrations.map((migration) => {
    const twins = migrations.filter(
      ({ name, namespace }) => name === migration.name && namespace === migration.namespace,
    );
    const own = twins.length === 1 ? migration.name : `${migration.name}-${migration.kind.toLowerCase()}`;
    const base = isOneNamespace ? own : join(migration.namespace, own);
    return {
      migration,
      files: {
        credential: `${base}-federated-credential.json`,
        serviceAccount: `${base}-serviceaccount.yaml`,
        workload: `${base}.yaml`,
      },
    };
  });
}

async function writeFiles(folder: string, { migration, files }: NamedMigration): Promise<void> {
  const { serviceAccount, workload, credential, kind, name } = migration;
  const yaml = (title: string, object: unknown): string =>
    manifestYaml({ title, notes: [], objects: [object as KubernetesObject] });
  const contents = [
    [files.credential, `${JSON.stringify(credentialTemplate(credential), null, 2)}\n`],
    [
      files.serviceAccount,
      yaml(`Service account of ${kind} ${name}, which may act as ${migration.identity.name}.`, serviceAccount),
    ],
    [
      files.workload,
      yaml(`${kind} ${name} with workload identity; aadpodidbinding goes when it is verified.`, workload),
    ],
  ] as const;
  for (const [file, text] of contents) {
    const path = join(folder, file);
    await mkdir(join(path, '..'), { recursive: true });
    await writeFileAtomic(path, text);
  }
}

function asJson({ migration, files }: NamedMigration): object {
  const { kind, name, namespace, identity, credential, serviceAccount, workload } = migration;
  return {
    kind,
    name,
    namespace,
    identity: { name: identity.name, clientId: identity.clientId, resourceId: identity.resourceId },
    federatedCredential: credential,
    command: credentialCommand(credential),
    serviceAccount,
    workload,
    files,
  };
}

function show({ stdout }: CliIo, { migration, files }: NamedMigration, isWritten: boolean): void {
  const { kind, name, namespace, identity, credential, serviceAccount } = migration;
  line(stdout, `${kind} ${namespace}/${name}: AzureIdentity ${identity.name}, client ${identity.clientId}`);
  line(stdout, `  service account  ${nameOf(serviceAccount)}`);
  line(stdout, `  credential       ${credentialCommand(credential)}`);
  if (isWritten) line(stdout, `  files            ${Object.values(files).join(', ')}`);
}

function showOrder({ stderr }: CliIo, isWritten: boolean): void {
  if (!isWritten) line(stderr, 'run it again with --out DIR to write the files');
  line(
    stderr,
    'order: credential, wait a minute, service account, workload, verify; then remove the label aadpodidbinding, the bindings and identities',
  );
}
