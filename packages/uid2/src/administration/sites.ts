import type { SiteRecord } from '../seed-files/sites.ts';
import { existingRecord, invalidValue, requireText, unknownRecord } from './refusals.ts';
import { count } from './wording.ts';
import { change, nowSeconds, replaced, updatedWhere } from './world.ts';
import type { AdministrationContext, Change, World } from './world.ts';

/** What a participant can be. */
export const CLIENT_TYPES = ['DSP', 'ADVERTISER', 'DATA_PROVIDER', 'PUBLISHER'] as const;

export type ClientType = (typeof CLIENT_TYPES)[number];

export interface SiteFields {
  readonly name: string;
  readonly clientTypes: readonly ClientType[];
  /** Registrable domains whose pages may ask for tokens themselves. */
  readonly domainNames: readonly string[];
  /** Mobile apps that may: bundle or store ids. */
  readonly appNames: readonly string[];
}

/** Ids 0 to 2 are reserved by the framework. */
const FIRST_SITE_ID = 3;
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;

/** @throws RequestError ADMIN_RECORD_UNKNOWN */
export function findSite(world: World, id: number): SiteRecord {
  const site = world.sites.find((candidate) => candidate.id === id);
  if (site === undefined) throw unknownRecord('site', id, 'site');
  return site;
}

/**
 * Adds a participant. Its id is the highest there is plus one, at least 3.
 * @throws RequestError ADMIN_RECORD_EXISTS when the name is taken
 * @throws RequestError ADMIN_VALUE_INVALID for a blank name, an invalid domain or one given twice
 */
export function createSite(world: World, fields: SiteFields, context: AdministrationContext): Change<SiteRecord> {
  const site: SiteRecord = {
    ...checkedFields(world, fields, undefined),
    id: world.sites.reduce((id, site) => Math.max(id, site.id + 1), FIRST_SITE_ID),
    enabled: true,
    visible: true,
    created: nowSeconds(context),
  };
  return change({ ...world, sites: [...world.sites, site] }, site);
}

/**
 * Changes the fields given; lists replace lists.
 * @throws RequestError ADMIN_RECORD_UNKNOWN, ADMIN_RECORD_EXISTS, ADMIN_VALUE_INVALID
 */
export function updateSite(world: World, id: number, fields: Partial<SiteFields>): Change<SiteRecord> {
  const site = findSite(world, id);
  const { name, clientTypes, domainNames, appNames } = site;
  const types = CLIENT_TYPES.filter((type) => clientTypes.includes(type));
  const complete = { name, clientTypes: types, domainNames, appNames, ...fields };
  const updated = { ...site, ...checkedFields(world, complete, site) };
  const removed = [
    ...site.domainNames.filter((domain) => !updated.domainNames.includes(domain)),
    ...site.appNames.filter((app) => !updated.appNames.includes(app)),
  ];
  const consequences =
    removed.length > 0 && world.clientSideKeypairs.some((pair) => pair.siteId === id && !pair.disabled)
      ? [`Pages and apps under ${removed.join(', ')} get no tokens by client-side generation any more.`]
      : [];
  return change({ ...world, sites: replaced(world.sites, site, updated) }, updated, { consequences });
}

export interface DisabledSite {
  readonly site: SiteRecord;
  /** Key ids of the clients that were disabled with it. */
  readonly clients: readonly string[];
  /** Subscription ids of the key pairs that were. */
  readonly keypairs: readonly string[];
}

/**
 * Disables a site, and with it its client keys and client-side key pairs: operators look at those and not at the site's own
 * flag.
 * @throws RequestError ADMIN_RECORD_UNKNOWN
 */
export function disableSite(world: World, id: number): Change<DisabledSite> {
  const site = findSite(world, id);
  const clients = world.clients.filter((client) => client.siteId === id && !client.disabled);
  const keypairs = world.clientSideKeypairs.filter((pair) => pair.siteId === id && !pair.disabled);
  const operators = world.operators.filter((operator) => operator.siteId === id && !operator.disabled);
  const consequences: string[] = [];
  if (clients.length > 0) {
    const ids = clients.map(({ keyId }) => keyId).join(', ');
    consequences.push(
      `Site ${id} (${site.name}) has ${count(clients.length, 'active client key')} (${ids}): their holders get 401 from every operator.`,
    );
  }
  if (keypairs.length > 0) {
    consequences.push(`Pages and apps of site ${id} get no tokens by client-side generation any more.`);
  }
  const disabled = { ...site, enabled: false };
  return change(
    {
      ...world,
      sites: replaced(world.sites, site, disabled),
      clients: updatedWhere(world.clients, (client) => clients.includes(client), { disabled: true }),
      clientSideKeypairs: updatedWhere(world.clientSideKeypairs, (pair) => keypairs.includes(pair), { disabled: true }),
    },
    {
      site: disabled,
      clients: clients.map(({ keyId }) => keyId),
      keypairs: keypairs.map(({ subscriptionId }) => subscriptionId),
    },
    {
      consequences,
      notes: operators.map(({ name }) => `Operator ${name} of this site stays enabled; disable it by itself.`),
    },
  );
}

/**
 * Enables a site again. Client keys and key pairs stay as they are.
 * @throws RequestError ADMIN_RECORD_UNKNOWN
 */
export function enableSite(world: World, id: number): Change<SiteRecord> {
  const site = findSite(world, id);
  const enabled = { ...site, enabled: true };
  const waiting = world.clients.filter((client) => client.siteId === id && client.disabled).map(({ keyId }) => keyId);
  return change({ ...world, sites: replaced(world.sites, site, enabled) }, enabled, {
    notes: waiting.length === 0 ? [] : [`These client keys of the site are still disabled: ${waiting.join(', ')}.`],
  });
}

function checkedFields(world: World, fields: SiteFields, self: SiteRecord | undefined): SiteFields {
  const name = requireText('name', fields.name);
  if (world.sites.some((site) => site !== self && site.name === name)) {
    throw existingRecord('site', `a site with the name ${name} exists already`);
  }
  return {
    name,
    clientTypes: CLIENT_TYPES.filter((type) => fields.clientTypes.includes(type)),
    domainNames: distinct('domain name', fields.domainNames.map(domainName)),
    appNames: distinct(
      'app name',
      fields.appNames.map((app) => requireText('app name', app)),
    ),
  };
}

function domainName(text: string): string {
  const name = text.trim().toLowerCase().replace(/\.$/, '');
  if (HOST_NAME.test(name)) return name;
  throw invalidValue('domain name', `${JSON.stringify(text)} is not a domain name`, 'Give it as in example.com.');
}

function distinct(what: string, values: readonly string[]): readonly string[] {
  const twice = values.find((value, index) => values.indexOf(value) !== index);
  if (twice !== undefined) throw invalidValue(what, `the ${what} ${twice} is given twice`, 'Give each one once.');
  return values;
}
