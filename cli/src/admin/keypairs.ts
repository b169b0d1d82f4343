import type { ClientSideKeypair } from '@holdfast/uid2';
import { createKeypair, setKeypairEnabled } from '@holdfast/uid2/administration';

import type { SiteFilterFlags } from '../commands/uid2-admin/client.ts';
import type { ChangeFlags } from '../commands/uid2-admin/flags.ts';
import type { KeypairCreateFlags } from '../commands/uid2-admin/keypair.ts';
import type { CliContext } from '../context.ts';
import { keyNaming } from './key-naming.ts';
import { runChange } from './run-change.ts';
import { runList, shownRecord, stateText } from './run-list.ts';
import { renderFacts, timeText } from './table.ts';

export function runKeypairCreate(context: CliContext, flags: KeypairCreateFlags): Promise<void> {
  return runChange(
    context,
    flags,
    (world, administration) =>
      createKeypair(
        world,
        { siteId: flags.site, name: flags.name ?? '', contact: flags.contact ?? '' },
        keyNaming(world, flags.environment),
        administration,
      ),
    (keypair) => ({
      json: { keypair: keypairJson(keypair) },
      text: renderFacts([
        ['site', keypair.siteId],
        ['subscription id', keypair.subscriptionId],
        ['public key', keypair.publicKey],
      ]),
    }),
  );
}

export function runKeypairDisable(context: CliContext, flags: ChangeFlags, id: string): Promise<void> {
  return runChange(
    context,
    flags,
    (world) => setKeypairEnabled(world, id, false),
    (keypair) => shownRecord('keypair', keypairJson(keypair), `key pair ${id} disabled`),
  );
}

export function runKeypairEnable(context: CliContext, flags: ChangeFlags, id: string): Promise<void> {
  return runChange(
    context,
    flags,
    (world) => setKeypairEnabled(world, id, true),
    (keypair) => shownRecord('keypair', keypairJson(keypair), `key pair ${id} enabled`),
  );
}

export function runKeypairList(context: CliContext, flags: SiteFilterFlags): Promise<void> {
  return runList<ClientSideKeypair>(context, flags, (world) => ({
    name: 'keypairs',
    records: world.clientSideKeypairs.filter(({ siteId }) => flags.site === undefined || siteId === flags.site),
    headings: ['SUBSCRIPTION', 'SITE', 'NAME', 'STATE', 'CREATED', 'PUBLIC KEY'],
    row: (keypair) => [
      keypair.subscriptionId,
      keypair.siteId,
      keypair.name,
      stateText(keypair.disabled),
      timeText(keypair.created),
      keypair.publicKey,
    ],
    json: keypairJson,
  }));
}

/** A key pair without its private key. */
function keypairJson(keypair: ClientSideKeypair): Readonly<Record<string, unknown>> {
  const { subscriptionId, publicKey, siteId, contact, created, disabled, name } = keypair;
  return { subscriptionId, publicKey, siteId, contact, created, disabled, name };
}
