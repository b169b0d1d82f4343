import type { SiteRecord } from '@holdfast/uid2';
import { createSite, disableSite, enableSite, updateSite } from '@holdfast/uid2/administration';

import type { ChangeFlags, WorldFlags } from '../commands/uid2-admin/flags.ts';
import { listed } from '../commands/uid2-admin/flags.ts';
import type { SiteFieldFlags, SiteUpdateFlags } from '../commands/uid2-admin/site.ts';
import type { CliContext } from '../context.ts';
import { runChange } from './run-change.ts';
import { runList, shownRecord, stateText } from './run-list.ts';

export function runSiteCreate(context: CliContext, flags: SiteFieldFlags, name: string): Promise<void> {
  return runChange(
    context,
    flags,
    (world, administration) =>
      createSite(
        world,
        {
          name,
          clientTypes: flags.types ?? [],
          domainNames: listed(flags.domains ?? []),
          appNames: listed(flags.apps ?? []),
        },
        administration,
      ),
    (site) => shownRecord('site', siteJson(site), `site ${site.id} created: ${site.name}`),
  );
}

export function runSiteUpdate(context: CliContext, flags: SiteUpdateFlags, id: number): Promise<void> {
  return runChange(
    context,
    flags,
    (world) =>
      updateSite(world, id, {
        ...(flags.name === undefined ? {} : { name: flags.name }),
        ...(flags.types === undefined ? {} : { clientTypes: flags.types }),
        ...(flags.domains === undefined ? {} : { domainNames: listed(flags.domains) }),
        ...(flags.apps === undefined ? {} : { appNames: listed(flags.apps) }),
      }),
    (site) => shownRecord('site', siteJson(site), `site ${site.id} updated: ${site.name}`),
  );
}

export function runSiteDisable(context: CliContext, flags: ChangeFlags, id: number): Promise<void> {
  return runChange(
    context,
    flags,
    (world) => disableSite(world, id),
    ({ site, clients, keypairs }) => {
      const along = [...clients, ...keypairs];
      const line = `site ${id} disabled${along.length === 0 ? '' : `, and with it ${along.join(', ')}`}`;
      return shownRecord('site', { ...siteJson(site), disabledClients: clients, disabledKeypairs: keypairs }, line);
    },
  );
}

export function runSiteEnable(context: CliContext, flags: ChangeFlags, id: number): Promise<void> {
  return runChange(
    context,
    flags,
    (world) => enableSite(world, id),
    (site) => shownRecord('site', siteJson(site), `site ${id} enabled`),
  );
}

export function runSiteList(context: CliContext, flags: WorldFlags): Promise<void> {
  return runList<SiteRecord>(context, flags, (world) => ({
    name: 'sites',
    records: world.sites,
    headings: ['ID', 'NAME', 'STATE', 'TYPES', 'CLIENTS', 'DOMAINS', 'APPS'],
    row: (site) => [
      site.id,
      site.name,
      stateText(!site.enabled),
      site.clientTypes.join(','),
      world.clients.filter(({ siteId, disabled }) => siteId === site.id && !disabled).length,
      site.domainNames.join(','),
      site.appNames.join(','),
    ],
    json: siteJson,
  }));
}

function siteJson(site: SiteRecord): Readonly<Record<string, unknown>> {
  const { id, name, enabled, clientTypes, domainNames, appNames, created } = site;
  return { id, name, enabled, clientTypes, domainNames, appNames, created };
}
