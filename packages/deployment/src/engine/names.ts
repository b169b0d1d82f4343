import { createHash, createHmac } from 'node:crypto';

import type { Secret } from '@holdfast/base';

import type { DeploymentConfig } from '../config/profiles.ts';
import { sortedJson } from '../manifests/object.ts';

/** First part of the names of deployments, and of everything else that tells two deployments of a group apart. */
export function deploymentPrefix(config: DeploymentConfig): string {
  return config.profile === 'uid2-vn2' ? `uid2-${config.operator.environment}` : config.profile;
}

/** SHA-256 of a value, in hexadecimal; members in any order give the same. */
export function contentHash(value: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(sortedJson(value)))
    .digest('hex');
}

/** The environment that a deployment is for; `default` where a profile has none. */
export function environmentOf(config: DeploymentConfig): string {
  return config.profile === 'uid2-vn2' ? config.operator.environment : 'default';
}

/**
 * Tells whether a secret holds a key without revealing it: the first 16 hexadecimal digits of HMAC-SHA-256 over the key,
 * keyed with the lower-case resource id of the vault.
 */
export function keyFingerprint(vaultId: string, key: Secret): string {
  return createHmac('sha256', vaultId.toLowerCase()).update(key.reveal()).digest('hex').slice(0, 16);
}

/** A name of a file for a deployment, from subscription, group and prefix. */
export function stateName(folder: string, parts: readonly string[], extension: string): string {
  const slug = parts.map((part) => part.toLowerCase().replaceAll(/[^a-z0-9._-]+/g, '-')).join('_');
  return `${folder}/${slug}.${extension}`;
}
