import { createHash } from 'node:crypto';

import { listIn, objectIn, textIn } from '../json.ts';
import type { Json, JsonObject } from '../json.ts';
import type { CustomTokenEndpoint, NamingProfile } from './settings.ts';

interface Paths {
  readonly mountPath: string;
  /** Inside the volume. */
  readonly tokenPath: string;
}

const paths: Readonly<Record<NamingProfile, Paths>> = {
  current: { mountPath: '/var/run/secrets/azure/wi', tokenPath: 'token/azure-identity-token' },
  legacy: { mountPath: '/var/run/secrets/azure/tokens', tokenPath: 'azure-identity-token' },
};
const CA_PATH = 'ca-cert/ca.crt';

/** The volume in which a pod finds its service account's token. */
export interface TokenVolume {
  readonly name: string;
  readonly mountPath: string;
  readonly tokenFile: string;
  readonly caFile: string;
  readonly body: JsonObject;
}

export interface TokenVolumeOptions {
  readonly profile: NamingProfile;
  /** Name of the pod, or what stands for it while it has none. */
  readonly nameForHash: string;
  readonly audience: string;
  readonly expirationSeconds: number;
  readonly endpoint: CustomTokenEndpoint | undefined;
}

/** The name of a pod for `volumeName`: a pod of a controller has only a prefix when the webhook sees it. */
export function nameForHash(metadata: JsonObject): string {
  const name = textIn(metadata, 'name') ?? '';
  return name === '' ? `${textIn(metadata, 'generateName') ?? ''} (prefix)` : name;
}

/** A name of 63 characters that nobody takes by accident. */
export function volumeName(profile: NamingProfile, podName: string): string {
  if (profile === 'legacy') return 'azure-identity-token';
  return `azure-workload-identity-reserved-${createHash('sha256').update(podName).digest('hex').slice(0, 30)}`;
}

export function tokenVolume(options: TokenVolumeOptions): TokenVolume {
  const { mountPath, tokenPath } = paths[options.profile];
  const name = volumeName(options.profile, options.nameForHash);
  const token = {
    serviceAccountToken: {
      path: tokenPath,
      expirationSeconds: options.expirationSeconds,
      audience: options.audience,
    },
  };
  return {
    name,
    mountPath,
    tokenFile: `${mountPath}/${tokenPath}`,
    caFile: `${mountPath}/${CA_PATH}`,
    body: { name, projected: { sources: [token, ...caSource(options.endpoint)] } },
  };
}

function caSource(endpoint: CustomTokenEndpoint | undefined): readonly JsonObject[] {
  const ca = endpoint?.ca;
  if (ca === undefined || 'data' in ca) return [];
  if ('configMap' in ca) {
    return [{ configMap: { name: ca.configMap, items: [{ key: 'ca.crt', path: CA_PATH }], optional: false } }];
  }
  const selector = ca.labelSelector === undefined ? {} : { labelSelector: ca.labelSelector as JsonObject };
  return [{ clusterTrustBundle: { signerName: ca.signerName, ...selector, path: CA_PATH, optional: false } }];
}

/**
 * The volumes of a pod with the token's among them. A volume of the same name is replaced; in the legacy profile any volume
 * that projects a token to the same path is taken for it, and nothing is added.
 */
export function withTokenVolume(
  volumes: readonly Json[],
  volume: TokenVolume,
  profile: NamingProfile,
): readonly Json[] {
  if (profile === 'legacy') return volumes.some(projectsToken) ? volumes : [...volumes, volume.body];
  return replaceByName(volumes, volume.body);
}

/** The mounts of a container with the token's among them; one of the same name is replaced, or kept in the legacy profile. */
export function withTokenMount(mounts: readonly Json[], volume: TokenVolume, profile: NamingProfile): readonly Json[] {
  const mount = { name: volume.name, mountPath: volume.mountPath, readOnly: true };
  if (profile === 'legacy' && mounts.some((other) => textIn(other, 'name') === volume.name)) return mounts;
  return replaceByName(mounts, mount);
}

function projectsToken(volume: Json): boolean {
  return listIn(objectIn(volume, 'projected'), 'sources').some(
    (source) => textIn(objectIn(source, 'serviceAccountToken'), 'path') === paths.legacy.tokenPath,
  );
}

function replaceByName(list: readonly Json[], entry: JsonObject): readonly Json[] {
  const name = textIn(entry, 'name');
  return list.some((other) => textIn(other, 'name') === name)
    ? list.map((other) => (textIn(other, 'name') === name ? entry : other))
    : [...list, entry];
}
