import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import {
  credentialCommand,
  credentialTemplate,
  MIGRATION_RELEASE,
  parseTokenExpiration,
  withoutBindingLabel,
} from '@holdfast/admission';
import type { JsonObject, MigrationSettings } from '@holdfast/admission';
import { manifestYaml } from '@holdfast/deployment';
import type { KubernetesObject } from '@holdfast/deployment';
import { writeFileAtomic } from '@holdfast/process';

import type { IdentityDetectFlags } from '../commands/identity.ts';
import { writeJson } from '../context.ts';
import type { CliContext, CliIo } from '../context.ts';
import { EXIT_FAILED } from '../failure.ts';
import { line } from '../initdata/render.ts';
import { nameOf } from './detect-sources.ts';
import { migrateDetected } from './migrate-detected.ts';
import type { DetectedMigration, DetectedMigrations } from './migrate-detected.ts';
import { connectCloud } from './open-cluster.ts';
import type { ConnectCloud } from './open-cluster.ts';
import { openSource } from './open-source.ts';

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
  const source = await openSource(io, flags, files, connect);
  try {
    const settings: MigrationSettings = {
      path: flags.path,
      proxyPort: flags.proxyPort,
      tokenExpirationSeconds,
      release: MIGRATION_RELEASE,
      ...(flags.tenantId === undefined ? {} : { tenantId: flags.tenantId }),
      ...(source.issuer === undefined ? {} : { issuer: source.issuer }),
    };
    const detected = migrateDetected(source.found, settings);
    if (flags.federate) for (const { credential } of detected.migrations) await source.federate(credential);
    await report(context, flags, detected);
  } finally {
    await source.close();
  }
}

/** Writes the files, and says what was found. */
async function report(
  context: CliContext,
  flags: IdentityDetectFlags,
  { migrations, problems, notes }: DetectedMigrations,
): Promise<void> {
  const { io } = context;
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

interface NamedMigration {
  readonly migration: DetectedMigration;
  /** In the order in which they are applied. */
  readonly files: {
    readonly credential: string;
    readonly serviceAccount: string;
    readonly secretClasses?: string;
    readonly workload: string;
    /** The workload once more, for when all is verified. */
    readonly verified: string;
  };
}

/** Files are named after the workload; its kind and namespace are added where names meet. */
function withFiles(migrations: readonly DetectedMigration[]): readonly NamedMigration[] {
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
        ...(migration.secretClasses.length === 0 ? {} : { secretClasses: `${base}-secretproviderclass.yaml` }),
        workload: `${base}.yaml`,
        verified: `${base}-verified.yaml`,
      },
    };
  });
}

async function writeFiles(folder: string, { migration, files }: NamedMigration): Promise<void> {
  const { serviceAccount, secretClasses, workload, credential, kind, name } = migration;
  const yaml = (title: string, ...objects: readonly JsonObject[]): string =>
    manifestYaml({ title, notes: [], objects: objects as unknown as readonly KubernetesObject[] });
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
    [
      files.verified,
      yaml(`${kind} ${name} after it is verified: without aadpodidbinding.`, withoutBindingLabel(workload)),
    ],
    ...(files.secretClasses === undefined
      ? []
      : [
          [
            files.secretClasses,
            yaml(`What ${kind} ${name} mounts, read with workload identity.`, ...secretClasses),
          ] as const,
        ]),
  ] as const;
  for (const [file, text] of contents) {
    const path = join(folder, file);
    await mkdir(join(path, '..'), { recursive: true });
    await writeFileAtomic(path, text);
  }
}

function asJson({ migration, files }: NamedMigration): object {
  const { kind, name, namespace, identity, credential, serviceAccount, secretClasses, workload } = migration;
  return {
    kind,
    name,
    namespace,
    identity: { name: identity.name, clientId: identity.clientId, resourceId: identity.resourceId },
    federatedCredential: credential,
    command: credentialCommand(credential),
    serviceAccount,
    secretProviderClasses: secretClasses,
    workload,
    verified: withoutBindingLabel(workload),
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
    'order: credential, wait a minute, service account, classes, workload, verify; then the workload without the label aadpodidbinding, and at last the bindings and identities go',
  );
}
