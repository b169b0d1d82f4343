import type { FakeCore } from '@holdfast/core-client/testing';

/** Far in the future, seconds. */
const NEVER_EXPIRES = 4_000_000_000;

/** Publishes a store as Core does: metadata at `path` whose `member` says where the content is, and the content. */
export function publishStore(core: FakeCore, path: string, member: string, content: unknown): void {
  touchStore(core, path, member, 1);
  core.json(`/files/${member}`, content);
}

/** Another version of a store with the same content. */
export function touchStore(core: FakeCore, path: string, member: string, version: number): void {
  core.json(path, { version, generated: 1, [member]: { location: `${core.url}/files/${member}?sig=1` } });
}

/** The runtime configuration of an operator in the environment `integ`. */
export function publishRuntimeConfig(core: FakeCore): void {
  core.json('/operator/config', {
    version: 1,
    runtime_config: {
      identity_token_expires_after_seconds: 3600,
      refresh_token_expires_after_seconds: 86_400,
      refresh_identity_token_after_seconds: 900,
      sharing_token_expiry_seconds: 3600,
      identity_environment: 'integ',
    },
  });
}

/** The list of the opt-out log's delta files. */
export function publishOptOutFiles(core: FakeCore, paths: readonly string[], version = 1): void {
  const logs = paths.map((path) => ({ type: 'delta', from: 1, to: 2, location: `${core.url}${path}?sig=1` }));
  core.json('/optout/refresh', { version, generated: 1, optout_logs: logs });
}

/** The default keyset of a site; a negative id is one of the keysets that belong to no site. */
export function keyset(id: number): unknown {
  return {
    keyset_id: id,
    site_id: id < 0 ? -1 : id,
    name: 'x',
    allowed_sites: [],
    created: 1,
    enabled: true,
    default: true,
  };
}

/** A key that is always valid. `secret` is Base64. */
export function keysetKey(id: number, keysetId: number, secret: string): unknown {
  return { id, keyset_id: keysetId, created: 1, activates: 1, expires: NEVER_EXPIRES, secret };
}
