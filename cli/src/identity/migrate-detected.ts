import {
  BINDING_LABEL,
  migrateWorkload,
  oldMemberNames,
  podLabelsOf,
  podTemplateIn,
  readAzureIdentity,
  readAzureIdentityBinding,
  selectorIdentities,
  serviceAccountNameOf,
  textIn,
} from '@holdfast/admission';
import type { JsonObject, Migration, MigrationSettings, SelectorIdentities } from '@holdfast/admission';
import { errorMessage } from '@holdfast/base';

import { nameOf, namespaceOf, placeOf } from './detect-sources.ts';
import type { DetectedObjects } from './detect-sources.ts';
import { migrateSecretClasses } from './migrate-secret-classes.ts';

/** One workload on its way, with the secrets that it mounts. */
export interface DetectedMigration extends Migration {
  /** New SecretProviderClasses, to be applied before the workload. */
  readonly secretClasses: readonly JsonObject[];
}

export interface DetectedMigrations {
  readonly migrations: readonly DetectedMigration[];
  /** Why something that uses pod identity cannot be taken along. */
  readonly problems: readonly string[];
  /** What else there is to know. */
  readonly notes: readonly string[];
}

/** Names that are safe as file names and that Kubernetes would take. */
const SAFE_NAME = /^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/;

/** Plans the migration of everything that was found. Same input, same result. */
export function migrateDetected(found: DetectedObjects, settings: MigrationSettings): DetectedMigrations {
  const problems = [...found.problems];
  const namespaces = new Map<string, SelectorIdentities>();
  for (const namespace of new Set([...found.workloads, ...found.bindings].map(namespaceOf))) {
    const own = (object: JsonObject): boolean => namespaceOf(object) === namespace;
    namespaces.set(
      namespace,
      selectorIdentities(
        found.bindings.filter(own).map(readAzureIdentityBinding),
        found.identities.filter(own).map(readAzureIdentity),
      ),
    );
  }
  const notes = [
    ...[...found.identities, ...found.bindings].flatMap((object) =>
      oldMemberNames(object).map((note) => `${placeOf(object)}: ${note}`),
    ),
    ...[...namespaces.values()].flatMap((each) => each.notes),
  ];
  const accounts = new Map<string, Migration>();
  const migrations: DetectedMigration[] = [];
  for (const workload of found.workloads.toSorted((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1))) {
    const migrated = migrateOne(workload, found, namespaces, settings);
    if (typeof migrated === 'string') {
      problems.push(`${placeOf(workload)}: ${migrated}`);
      continue;
    }
    const account = `${migrated.namespace}/${nameOf(migrated.serviceAccount)}`;
    const other = accounts.get(account);
    if (other !== undefined && other.identity.clientId !== migrated.identity.clientId) {
      problems.push(
        `${placeOf(workload)}: its service account ${account} is that of ${other.kind} ${other.name}, which has another identity; give it one of its own`,
      );
      continue;
    }
    const secrets = migrateSecretClasses(migrated, found.secretClasses);
    const twin = secrets.classes.find((each) => isOtherClass(each, migrations));
    if (twin !== undefined) {
      problems.push(
        `${placeOf(workload)}: it shares the class of ${nameOf(twin)} with a workload that has another identity; give it one of its own`,
      );
      continue;
    }
    accounts.set(account, migrated);
    notes.push(...secrets.notes);
    migrations.push({ ...migrated, workload: secrets.workload, secretClasses: secrets.classes });
  }
  return { migrations, problems, notes };
}

/** Whether another workload has a class of that name that says something else. */
function isOtherClass(found: JsonObject, migrations: readonly DetectedMigration[]): boolean {
  const place = placeOf(found);
  const others = migrations.flatMap(({ secretClasses }) => secretClasses).filter((each) => placeOf(each) === place);
  return others.some((each) => JSON.stringify(each) !== JSON.stringify(found));
}

function migrateOne(
  workload: JsonObject,
  found: DetectedObjects,
  namespaces: ReadonlyMap<string, SelectorIdentities>,
  settings: MigrationSettings,
): Migration | string {
  const namespace = namespaceOf(workload);
  const label = podLabelsOf(workload)[BINDING_LABEL] ?? '';
  const identity = namespaces.get(namespace)?.identities.get(label);
  if (identity === undefined) {
    return `label ${BINDING_LABEL}: ${label} leads to no AzureIdentity of type 0 in the namespace ${namespace} here`;
  }
  if (!SAFE_NAME.test(nameOf(workload)) || !SAFE_NAME.test(namespace)) return 'its name is none that Kubernetes takes';
  const template = podTemplateIn(workload) ?? {};
  const spec = (template['spec'] ?? {}) as JsonObject;
  if (spec['hostNetwork'] === true && settings.path === 'sidecar') {
    return 'it uses the network of the node, where a proxy would redirect everybody; use --path native';
  }
  const wanted = serviceAccountNameOf(spec);
  const serviceAccount = found.serviceAccounts.find(
    (account) => namespaceOf(account) === namespace && textIn(account['metadata'], 'name') === wanted,
  );
  try {
    return migrateWorkload(workload, identity, serviceAccount, settings);
  } catch (error) {
    return errorMessage(error);
  }
}
