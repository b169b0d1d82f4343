import { kataCcSchema } from './kata-cc.ts';
import type { KataCcConfig } from './kata-cc.ts';
import { peerPodsSchema } from './peer-pods.ts';
import type { PeerPodsConfig } from './peer-pods.ts';
import { privateLinkSchema } from './private-link.ts';
import type { PrivateLinkConfig } from './private-link.ts';
import { uid2Vn2Schema } from './uid2-vn2.ts';
import type { Uid2Vn2Config } from './uid2-vn2.ts';

/** What can be deployed, by the name that `profile` has in the configuration. */
export const profileSchemas = {
  'uid2-vn2': uid2Vn2Schema,
  'kata-cc': kataCcSchema,
  'peer-pods': peerPodsSchema,
  'private-link': privateLinkSchema,
} as const;

export type ProfileName = keyof typeof profileSchemas;

export const profileNames = Object.keys(profileSchemas) as readonly ProfileName[];

/** A deployment as its configuration describes it, every default filled in. */
export type DeploymentConfig = Uid2Vn2Config | KataCcConfig | PeerPodsConfig | PrivateLinkConfig;

export function isProfileName(text: unknown): text is ProfileName {
  return typeof text === 'string' && Object.hasOwn(profileSchemas, text);
}
