import { DependencyError, RequestError } from '@holdfast/base';
import type { Secret } from '@holdfast/base';

import { at, textAt } from '../../bundle/shape.ts';
import type { Uid2Vn2Config } from '../../config/uid2-vn2.ts';
import { attestationOf } from '../../diagnostics/attestation.ts';
import { uid2Names } from '../../graph/uid2-vn2.ts';
import { apiVersions } from '../../graph/api-versions.ts';
import { problemOf } from '../errors.ts';
import { keyFingerprint } from '../names.ts';
import { callOptions, tell } from './context.ts';
import type { OperationContext } from './context.ts';
import { writeReceipt } from './receipts.ts';
import { restartStage, restartOneByOne } from './restart-slot.ts';
import { readSlots } from './slots.ts';

export type RotateOptions =
  /** Write a new key and restart the pods with it. */
  | { readonly do: 'rotate'; readonly key: Secret }
  /** Disable the version before, after UID2 has revoked the old key. */
  | { readonly do: 'finish' }
  /** Write the old value again as the newest version, and restart the pods with it. */
  | { readonly do: 'rollback' };

export interface RotateResult {
  readonly outcome: 'already' | 'rotated' | 'finished' | 'rolled-back';
  /** Id of the version that the pods read. */
  readonly version: string;
  readonly previousVersion: string | undefined;
  /** What is left for people to do; exit code 0 all the same. */
  readonly openWork: readonly string[];
  readonly receipt?: string;
}

/** The current version of the secret, as far as it can be seen without its value. */
interface CurrentSecret {
  readonly version: string;
  readonly enabled: boolean;
  readonly tags: Readonly<Record<string, string>>;
}

/** Tags of a version: which key it holds, which version was before, and when pods were told to read it. */
const tagNames = { fingerprint: 'keyFingerprint', previous: 'previousVersion', rotatedAt: 'rotatedAt' } as const;

/**
 * Replaces the operator key: a new version of the secret with the fingerprint of the key, then one pod, which must become ready
 * and attested, then the others one by one. A run that was interrupted goes on from the tags of the version and the pods.
 * A first pod that is not well leaves the others untouched; `rollback` then writes the old value again, because disabling
 * the newest version would make every read fail.
 * @throws RequestError SECRET_MISSING, KEY_ROTATION_NOTHING
 * @throws DependencyError DEPLOYMENT_DEADLINE, KEY_REFUSED when the first pod with the new key is refused
 */
export async function rotateKey(
  context: OperationContext,
  config: Uid2Vn2Config,
  options: RotateOptions,
): Promise<RotateResult> {
  const current = await currentSecret(context, config);
  if (current === undefined) {
    throw new RequestError('SECRET_MISSING', `${config.vault.name} has no secret ${config.vault.secretName}`, {
      action: 'Write the first key with holdfast apply.',
    });
  }
  switch (options.do) {
    case 'rotate':
      return rotate(context, config, current, options.key);
    case 'finish':
      return finish(context, config, current);
    default:
      return goBack(context, config, current);
  }
}

async function rotate(
  context: OperationContext,
  config: Uid2Vn2Config,
  current: CurrentSecret,
  key: Secret,
): Promise<RotateResult> {
  const { vault } = uid2Names(config, context.subscriptionId);
  const fingerprint = keyFingerprint(vault, key);
  const holds = current.tags[tagNames.fingerprint] === fingerprint && current.enabled;
  if (holds && current.tags[tagNames.rotatedAt] === undefined) {
    tell(context, restartStage, 'already', 'the secret holds this key');
    return { outcome: 'already', version: current.version, previousVersion: undefined, openWork: [] };
  }
  const version = holds ? current : await writeVersion(context, config, key, fingerprint, current.version);
  return restartAll(context, config, version, 'rotated');
}

/** The old value, as the newest version: the operator always reads the newest. */
async function goBack(context: OperationContext, config: Uid2Vn2Config, current: CurrentSecret): Promise<RotateResult> {
  const previous = current.tags[tagNames.previous];
  if (current.tags['rolledBack'] === 'true') return restartAll(context, config, current, 'rolled-back');
  if (previous === undefined) throw nothingBefore();
  let old: Secret;
  try {
    old = await context.ports.vault.getSecret(
      vaultUrl(config),
      config.vault.secretName,
      previous,
      callOptions(context),
    );
  } catch (error) {
    const code = problemOf(error)?.code;
    if (code === undefined) throw error;
    throw new DependencyError('KEY_UNREADABLE', `the version before cannot be read: ${code}`, {
      retryable: true,
      cause: error,
      action: 'Get the right Key Vault Secrets Officer, or give the old key to holdfast rotate-key as a new one.',
    });
  }
  const { vault } = uid2Names(config, context.subscriptionId);
  const version = await writeVersion(context, config, old, keyFingerprint(vault, old), current.version, {
    rolledBack: 'true',
  });
  return restartAll(context, config, version, 'rolled-back');
}

function nothingBefore(): RequestError {
  return new RequestError(
    'KEY_ROTATION_NOTHING',
    'the current version of the secret does not name a version before it',
    {
      action: 'Only what holdfast rotate-key wrote can be finished or taken back.',
    },
  );
}

async function restartAll(
  context: OperationContext,
  config: Uid2Vn2Config,
  version: CurrentSecret,
  outcome: 'rotated' | 'rolled-back',
): Promise<RotateResult> {
  const startedAt = context.ports.clock();
  const marker = version.tags[tagNames.rotatedAt] ?? new Date(startedAt).toISOString();
  const slots = await readSlots(context, config);
  const running = slots.all.filter(({ replicas }) => replicas > 0);
  // The slot without requests first: it loses nobody if the key is wrong.
  const ordered = running.toSorted((a, b) => Number(a === slots.active) - Number(b === slots.active));
  for (const slot of ordered) await restartOneByOne(context, config, slot, marker, assertAttested);
  const previousVersion = version.tags[tagNames.previous];
  const openWork =
    outcome === 'rotated' && previousVersion !== undefined
      ? [
          'Ask your UID2 contact to revoke the old key once you have watched the operator for a while.',
          `Then run holdfast rotate-key --finish, which disables version ${previousVersion} of the secret.`,
        ]
      : [];
  for (const work of openWork) tell(context, restartStage, 'warning', work);
  const receipt = await writeReceipt(context, config, {
    command: 'rotate-key',
    outcome,
    healthy: true,
    startedAt,
    openWork,
    notes: {
      vault: config.vault.name,
      secret: config.vault.secretName,
      version: version.version,
      slots: ordered.map(({ name }) => name).join(', '),
    },
  });
  tell(context, restartStage, 'done', `${ordered.length} versions of the operator read ${version.version}`, receipt);
  return { outcome, version: version.version, previousVersion, openWork, receipt };
}

/** A pod that is ready has attested; its log tells a key that was refused from other troubles. */
function assertAttested(log: string, pod: string): void {
  const state = attestationOf(log);
  if (state.state !== 'refused' && state.state !== 'failed-too-long') return;
  throw new DependencyError('KEY_REFUSED', `${pod} started with the new key, and Core refused it`, {
    retryable: false,
    details: { pod },
    action: 'The other pods still have the old key. Run holdfast rotate-key --rollback, and ask your UID2 contact.',
  });
}

async function finish(context: OperationContext, config: Uid2Vn2Config, current: CurrentSecret): Promise<RotateResult> {
  const previous = current.tags[tagNames.previous];
  if (previous === undefined) throw nothingBefore();
  const openWork: string[] = [];
  try {
    await context.ports.vault.setEnabled(
      vaultUrl(config),
      config.vault.secretName,
      previous,
      false,
      callOptions(context),
    );
    tell(context, restartStage, 'done', `version ${previous} is disabled`);
  } catch (error) {
    const code = problemOf(error)?.code;
    if (code === undefined || !isForbidden(code)) throw error;
    // Only the data plane of the vault reaches versions, and a deployer need not have rights there: left to somebody who has.
    openWork.push(
      `Disable version ${previous} of ${config.vault.secretName} in ${config.vault.name} as a Key Vault Secrets Officer: ` +
        `az keyvault secret set-attributes --vault-name ${config.vault.name} --name ${config.vault.secretName} --version ${previous} --enabled false`,
    );
    for (const work of openWork) tell(context, restartStage, 'warning', work);
  }
  return { outcome: 'finished', version: current.version, previousVersion: previous, openWork };
}

function isForbidden(code: string): boolean {
  return /^Forbidden|AccessDenied|Unauthorized/.test(code);
}

function vaultUrl(config: Uid2Vn2Config): string {
  return `https://${config.vault.name}.vault.azure.net/`;
}

function secretId(context: OperationContext, config: Uid2Vn2Config): string {
  return `${uid2Names(config, context.subscriptionId).vault}/secrets/${config.vault.secretName}`;
}

const SECRET_API = apiVersions['Microsoft.KeyVault/vaults/secrets'];

/** Through Azure Resource Manager, which shows everything but the value and needs no right on the data of the vault. */
async function currentSecret(context: OperationContext, config: Uid2Vn2Config): Promise<CurrentSecret | undefined> {
  const found = await context.ports.arm.read(secretId(context, config), SECRET_API, callOptions(context));
  return found === undefined ? undefined : secretOf(found);
}

function secretOf(resource: unknown): CurrentSecret {
  const uri = textAt(resource, 'properties', 'secretUriWithVersion') ?? '';
  return {
    version: uri.split('/').at(-1) ?? '',
    enabled: at(resource, 'properties', 'attributes', 'enabled') !== false,
    tags: (at(resource, 'tags') ?? {}) as Readonly<Record<string, string>>,
  };
}

/** Through Azure Resource Manager as well: a PUT of the secret is the one body besides a secure parameter that may hold it. */
async function writeVersion(
  context: OperationContext,
  config: Uid2Vn2Config,
  key: Secret,
  fingerprint: string,
  previous: string,
  more: Readonly<Record<string, string>> = {},
): Promise<CurrentSecret> {
  const tags = {
    [tagNames.fingerprint]: fingerprint,
    [tagNames.previous]: previous,
    [tagNames.rotatedAt]: new Date(context.ports.clock()).toISOString(),
    ...more,
  };
  tell(
    context,
    restartStage,
    'creating',
    `a version of ${config.vault.secretName} with the fingerprint ${fingerprint}`,
  );
  const made = await context.ports.arm.write(
    secretId(context, config),
    SECRET_API,
    { tags, properties: { value: key.reveal(), contentType: 'text/plain', attributes: { enabled: true } } },
    callOptions(context),
  );
  return { ...secretOf(made), tags };
}
