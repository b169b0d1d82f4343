import { createHash } from 'node:crypto';

import { toUtf8 } from '@holdfast/base';

/** A GUID that is the same on every machine, so that manifests and configurations can be moved between them. */
export function guidOf(name: string): string {
  const hex = createHash('sha256').update(`holdfast local ${name}`).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}

/** A number from 0 to below `count`, the same for the same text, and most of the time another one for another text. */
export function numberOf(text: string, count: number): number {
  let sum = 0;
  for (const byte of toUtf8(text)) sum = (sum * 31 + byte) % count;
  return sum;
}

export const TENANT_ID: string = guidOf('tenant');
export const SUBSCRIPTION_ID: string = guidOf('subscription');
/** What the deployment of the operator in a home folder is called. */
export const RESOURCE_GROUP = 'holdfast-local';
export const VAULT_NAME = 'holdfast-local-vault';
export const OPERATOR_KEY_SECRET_NAME = 'uid2-operator-key';
/** The cluster of that deployment. */
export const CLUSTER_NAME = 'holdfast-local';
export const CLUSTER_ID = `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/${RESOURCE_GROUP}/providers/Microsoft.ContainerService/managedClusters/${CLUSTER_NAME}`;
