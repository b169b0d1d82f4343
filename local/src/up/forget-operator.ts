import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

import { writeFileAtomic } from '@holdfast/process';

import type { HomeLayout } from '../home/home-layout.ts';
import { readIfPresent } from '../home/read-if-present.ts';
import type { ClusterSnapshot } from '../kubernetes/api/index.ts';

const OPERATOR = 'uid2-operator';
const KINDS: ReadonlySet<string> = new Set(['Deployment', 'ReplicaSet', 'Pod']);

/** What is deployed in this home by `up`: the release and the configuration, in one digest. */
export async function deploymentDigest(layout: HomeLayout): Promise<string> {
  const hash = createHash('sha256');
  for (const file of [layout.manifest, layout.deploymentConfig])
    hash.update((await readIfPresent(file)) ?? '').update('\0');
  return hash.digest('hex');
}

/** Whether the operator was deployed from what the home folder holds now. */
export async function isDeployed(layout: HomeLayout): Promise<boolean> {
  return (await readIfPresent(layout.deployedFile))?.trim() === (await deploymentDigest(layout));
}

/** Remembers what the operator was deployed from. */
export async function rememberDeployed(layout: HomeLayout): Promise<void> {
  await mkdir(dirname(layout.deployedFile), { recursive: true, mode: 0o700 });
  await writeFileAtomic(layout.deployedFile, `${await deploymentDigest(layout)}\n`);
}

/**
 * A cluster without its operator. When release or configuration have changed while the cloud was down, nothing serves that would have
 * to go on serving: the operator is deployed anew instead of being replaced pod by pod.
 */
export function forgetOperator(snapshot: ClusterSnapshot): ClusterSnapshot {
  const objects = snapshot.objects.filter((object) => {
    const { kind, metadata, spec } = object as {
      readonly kind?: string;
      readonly metadata?: { readonly labels?: Readonly<Record<string, string>> };
      readonly spec?: { readonly selector?: Readonly<Record<string, unknown>> };
    };
    if (kind === 'Service') return spec?.selector?.['app.kubernetes.io/name'] !== OPERATOR;
    return !KINDS.has(kind ?? '') || metadata?.labels?.['app.kubernetes.io/name'] !== OPERATOR;
  });
  return { ...snapshot, objects };
}
