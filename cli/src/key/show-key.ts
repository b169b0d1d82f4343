import type { VaultKey } from '@holdfast/azure';

import type { CliIo } from '../context.ts';

/** A key for `--json`: the release policy as JSON instead of text. */
export function jsonKey(key: VaultKey): Readonly<Record<string, unknown>> {
  const { releasePolicy, ...rest } = key;
  return {
    ...rest,
    releasePolicy:
      releasePolicy === null
        ? null
        : { immutable: releasePolicy.immutable, policy: JSON.parse(releasePolicy.policy) as unknown },
  };
}

/** A key for people. */
export function writeKey(io: CliIo, key: VaultKey): void {
  const lines: [string, string][] = [
    ['name', key.name],
    ['version', key.version],
    ['kind', key.publicKey['crv'] === undefined ? key.kind : `${key.kind} ${key.publicKey['crv']}`],
    ['operations', key.operations.join(', ')],
    ['enabled', key.enabled ? 'yes' : 'no'],
    ['exportable', key.exportable ? 'yes, under its release policy' : 'no'],
    ['created', key.created ?? ''],
  ];
  if (key.expires !== null) lines.push(['expires', key.expires]);
  for (const [name, value] of lines) io.stdout.write(`${name.padEnd(11)} ${value}\n`);
  if (key.releasePolicy === null) return;
  io.stdout.write(`release policy${key.releasePolicy.immutable ? ' (immutable)' : ''}\n`);
  io.stdout.write(`${prettyPolicy(key.releasePolicy.policy)}\n`);
}

export function prettyPolicy(policy: string): string {
  return JSON.stringify(JSON.parse(policy), undefined, 2);
}
