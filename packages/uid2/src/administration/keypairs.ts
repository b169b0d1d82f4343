import { generateClientSideKeys, importClientSidePrivateKey } from '../client-side/client-side-key.ts';
import type { ClientSideKeypair } from '../seed-files/client-side-keypairs.ts';
import { withKeysetOf } from './keysets.ts';
import { unknownRecord } from './refusals.ts';
import { findSite } from './sites.ts';
import { change, nowSeconds, replaced } from './world.ts';
import type { AdministrationContext, Change, KeyNaming, World } from './world.ts';

const SUBSCRIPTION_ID_LENGTH = 10;
const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
/** Bytes from here on would favour the first letters. */
const BASE58_LIMIT = 256 - (256 % BASE58.length);

export interface KeypairFields {
  readonly siteId: number;
  readonly name: string;
  readonly contact: string;
}

/**
 * Adds a key pair for client-side token generation, and a keyset for the site if it has none.
 * @throws RequestError ADMIN_RECORD_UNKNOWN when the site does not exist
 */
export function createKeypair(
  world: World,
  fields: KeypairFields,
  naming: KeyNaming,
  context: AdministrationContext,
): Change<ClientSideKeypair> {
  const site = findSite(world, fields.siteId);
  const { publicKey, privateKey } = generateClientSideKeys(naming.scope, naming.environment, context.randomBytes);
  const keypair: ClientSideKeypair = {
    subscriptionId: freshSubscriptionId(world, context),
    publicKey,
    privateKey: importClientSidePrivateKey(privateKey),
    siteId: fields.siteId,
    contact: fields.contact,
    created: nowSeconds(context),
    disabled: false,
    name: fields.name,
  };
  const { world: prepared, notes } = withKeysetOf(world, fields.siteId, undefined, context);
  const unreachable =
    site.domainNames.length === 0 && site.appNames.length === 0
      ? [`Site ${site.id} names no domains or apps: nobody may use the key pair until it does.`]
      : [];
  return change({ ...prepared, clientSideKeypairs: [...prepared.clientSideKeypairs, keypair] }, keypair, {
    notes: [...notes, ...unreachable],
  });
}

/** @throws RequestError ADMIN_RECORD_UNKNOWN */
export function setKeypairEnabled(world: World, subscriptionId: string, enabled: boolean): Change<ClientSideKeypair> {
  const keypair = world.clientSideKeypairs.find((pair) => pair.subscriptionId === subscriptionId);
  if (keypair === undefined) throw unknownRecord('client-side key pair', subscriptionId, 'keypair');
  const updated = { ...keypair, disabled: !enabled };
  return change({ ...world, clientSideKeypairs: replaced(world.clientSideKeypairs, keypair, updated) }, updated, {
    consequences:
      enabled || keypair.disabled
        ? []
        : [`Pages and apps of site ${keypair.siteId} that use subscription ${subscriptionId} get no tokens any more.`],
  });
}

function freshSubscriptionId(world: World, context: AdministrationContext): string {
  for (;;) {
    let id = '';
    while (id.length < SUBSCRIPTION_ID_LENGTH) {
      const [byte = BASE58_LIMIT] = context.randomBytes(1);
      if (byte < BASE58_LIMIT) id += BASE58.charAt(byte % BASE58.length);
    }
    if (!world.clientSideKeypairs.some(({ subscriptionId }) => subscriptionId === id)) return id;
  }
}
