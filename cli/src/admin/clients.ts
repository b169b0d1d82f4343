import type { ClientRecord } from '@holdfast/uid2';
import { createClient, rotateClient, setClientEnabled, updateClient } from '@holdfast/uid2/administration';
import type { IssuedClient } from '@holdfast/uid2/administration';

import type {
  ClientCreateFlags,
  ClientRotateFlags,
  ClientUpdateFlags,
  SiteFilterFlags,
} from '../commands/uid2-admin/client.ts';
import type { ChangeFlags } from '../commands/uid2-admin/flags.ts';
import type { CliContext } from '../context.ts';
import { keyNaming } from './key-naming.ts';
import { runChange } from './run-change.ts';
import type { Shown } from './run-change.ts';
import { runList, shownRecord, stateText } from './run-list.ts';
import { renderFacts, timeText } from './table.ts';

export function runClientCreate(context: CliContext, flags: ClientCreateFlags, name: string): Promise<void> {
  return runChange(
    context,
    flags,
    (world, administration) =>
      createClient(
        world,
        { name, siteId: flags.site, roles: flags.roles, serviceId: flags.service ?? 0 },
        keyNaming(world, flags.environment),
        administration,
      ),
    shownIssue,
  );
}

export function runClientRotate(context: CliContext, flags: ClientRotateFlags, name: string): Promise<void> {
  return runChange(
    context,
    flags,
    (world, administration) =>
      rotateClient(world, name, flags.replace, keyNaming(world, flags.environment), administration),
    (issued) => {
      const shown = shownIssue(issued);
      return { ...shown, json: { ...shown.json, previous: clientJson(issued.previous) } };
    },
  );
}

export function runClientUpdate(context: CliContext, flags: ClientUpdateFlags, name: string): Promise<void> {
  return runChange(
    context,
    flags,
    (world, administration) =>
      updateClient(
        world,
        name,
        {
          ...(flags.name === undefined ? {} : { name: flags.name }),
          ...(flags.contact === undefined ? {} : { contact: flags.contact }),
          ...(flags.roles === undefined ? {} : { roles: flags.roles }),
          ...(flags.service === undefined ? {} : { serviceId: flags.service }),
        },
        administration,
      ),
    (client) => shownRecord('client', clientJson(client), `client ${client.keyId} updated: ${client.name}`),
  );
}

export function runClientDisable(context: CliContext, flags: ChangeFlags, name: string): Promise<void> {
  return runChange(
    context,
    flags,
    (world) => setClientEnabled(world, name, false),
    (client) => shownRecord('client', clientJson(client), `client ${client.keyId} (${client.name}) disabled`),
  );
}

export function runClientEnable(context: CliContext, flags: ChangeFlags, name: string): Promise<void> {
  return runChange(
    context,
    flags,
    (world) => setClientEnabled(world, name, true),
    (client) => shownRecord('client', clientJson(client), `client ${client.keyId} (${client.name}) enabled`),
  );
}

export function runClientList(context: CliContext, flags: SiteFilterFlags): Promise<void> {
  return runList<ClientRecord>(context, flags, (world) => ({
    name: 'clients',
    records: world.clients.filter(({ siteId }) => flags.site === undefined || siteId === flags.site),
    headings: ['KEY ID', 'NAME', 'SITE', 'STATE', 'ROLES', 'SERVICE', 'CREATED'],
    row: (client) => [
      client.keyId,
      client.name,
      client.siteId ?? '-',
      stateText(client.disabled),
      client.roles.join(','),
      client.serviceId === 0 ? '-' : client.serviceId,
      timeText(client.created),
    ],
    json: clientJson,
  }));
}

/** The only place that shows a client's key and secret. */
function shownIssue({ client, key, secret, keyset }: IssuedClient): Shown {
  return {
    json: { client: { ...clientJson(client), apiKey: key, secret }, keysetId: keyset?.id ?? null },
    text: renderFacts([
      ['name', client.name],
      ['site', client.siteId ?? '-'],
      ['key id', client.keyId],
      ['API key', key],
      ['secret', secret],
    ]),
  };
}

function clientJson(client: ClientRecord): Readonly<Record<string, unknown>> {
  const { keyId, name, contact, siteId = null, roles, serviceId, disabled, created } = client;
  return { keyId, name, contact, siteId, roles, serviceId, disabled, created };
}
