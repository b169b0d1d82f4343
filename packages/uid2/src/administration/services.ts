import { sortRoles } from '../api-keys/roles.ts';
import type { Role } from '../api-keys/roles.ts';
import type { ServiceLinkRecord } from '../seed-files/service-links.ts';
import type { ServiceRecord } from '../seed-files/services.ts';
import { CLIENT_ROLES } from './clients.ts';
import { existingRecord, invalidValue, requireText, unknownRecord } from './refusals.ts';
import { findSite } from './sites.ts';
import { count } from './wording.ts';
import { change, replaced, updatedWhere } from './world.ts';
import type { Change, World } from './world.ts';

export interface ServiceFields {
  readonly siteId: number;
  readonly name: string;
  readonly roles: readonly Role[];
  /** What link ids look like as a whole; empty when anything goes. */
  readonly linkIdRegex: string;
}

/** @throws RequestError ADMIN_RECORD_UNKNOWN */
export function findService(world: World, id: number): ServiceRecord {
  const service = world.services.find(({ serviceId }) => serviceId === id);
  if (service === undefined) throw unknownRecord('service', id, 'service');
  return service;
}

/**
 * Adds a service that acts for other participants.
 * @throws RequestError ADMIN_RECORD_UNKNOWN, ADMIN_VALUE_INVALID for foreign roles or an invalid expression
 */
export function createService(world: World, fields: ServiceFields): Change<ServiceRecord> {
  findSite(world, fields.siteId);
  linkIdPattern(fields.linkIdRegex);
  const service: ServiceRecord = {
    serviceId: world.services.reduce((id, { serviceId }) => Math.max(id, serviceId + 1), 1),
    siteId: fields.siteId,
    name: requireText('name', fields.name),
    roles: checkedRoles(fields.roles, CLIENT_ROLES, 'a service'),
    linkIdRegex: fields.linkIdRegex,
    disabled: false,
  };
  return change({ ...world, services: [...world.services, service] }, service);
}

export interface DisabledService {
  readonly service: ServiceRecord;
  /** Link ids that were disabled with it. */
  readonly links: readonly string[];
}

/**
 * Disables a service and with it its links: operators look at those and not at the service's own flag.
 * @throws RequestError ADMIN_RECORD_UNKNOWN
 */
export function disableService(world: World, id: number): Change<DisabledService> {
  const service = findService(world, id);
  const links = world.serviceLinks.filter((link) => link.serviceId === id && !link.disabled);
  const clients = world.clients.filter((client) => client.serviceId === id && !client.disabled);
  const updated = { ...service, disabled: true };
  const consequences: string[] = [];
  if (links.length > 0) {
    consequences.push(
      `${count(links.length, 'link')} of service ${id} (${service.name}) stop working: ${links.map(({ linkId }) => linkId).join(', ')}.`,
    );
  }
  return change(
    {
      ...world,
      services: replaced(world.services, service, updated),
      serviceLinks: updatedWhere(world.serviceLinks, (link) => links.includes(link), { disabled: true }),
    },
    { service: updated, links: links.map(({ linkId }) => linkId) },
    {
      consequences,
      notes: clients.map(
        ({ keyId }) => `Client key ${keyId} of this service still maps without a link; disable it by itself.`,
      ),
    },
  );
}

/** @throws RequestError ADMIN_RECORD_UNKNOWN */
export function enableService(world: World, id: number): Change<ServiceRecord> {
  const service = findService(world, id);
  const updated = { ...service, disabled: false };
  const waiting = world.serviceLinks.filter((link) => link.serviceId === id && link.disabled);
  return change({ ...world, services: replaced(world.services, service, updated) }, updated, {
    notes:
      waiting.length === 0
        ? []
        : [`These links are still disabled: ${waiting.map(({ linkId }) => linkId).join(', ')}.`],
  });
}

export interface ServiceLinkFields {
  readonly serviceId: number;
  readonly linkId: string;
  readonly siteId: number;
  readonly name: string;
  readonly roles: readonly Role[];
}

/**
 * Lets a service act for a participant under `linkId`.
 * @throws RequestError ADMIN_RECORD_UNKNOWN, ADMIN_RECORD_EXISTS
 * @throws RequestError ADMIN_VALUE_INVALID when the link id does not fit the service, or a role is not the service's
 */
export function createServiceLink(world: World, fields: ServiceLinkFields): Change<ServiceLinkRecord> {
  const service = findService(world, fields.serviceId);
  findSite(world, fields.siteId);
  const linkId = requireText('link id', fields.linkId);
  if (!linkIdPattern(service.linkIdRegex).test(linkId)) {
    throw invalidValue(
      'link id',
      `link id ${linkId} does not fit service ${service.serviceId}`,
      `Link ids of this service match ${service.linkIdRegex}.`,
    );
  }
  if (world.serviceLinks.some((link) => link.serviceId === service.serviceId && link.linkId === linkId)) {
    throw existingRecord('service link', `service ${service.serviceId} has a link ${linkId} already`);
  }
  const link: ServiceLinkRecord = {
    linkId,
    serviceId: service.serviceId,
    siteId: fields.siteId,
    name: requireText('name', fields.name),
    roles: checkedRoles(fields.roles, service.roles, `service ${service.serviceId}`),
    disabled: false,
  };
  return change({ ...world, serviceLinks: [...world.serviceLinks, link] }, link);
}

/** @throws RequestError ADMIN_RECORD_UNKNOWN */
export function setServiceLinkEnabled(
  world: World,
  serviceId: number,
  linkId: string,
  enabled: boolean,
): Change<ServiceLinkRecord> {
  const link = world.serviceLinks.find((link) => link.serviceId === serviceId && link.linkId === linkId);
  if (link === undefined) throw unknownRecord('service link', `${serviceId} ${linkId}`, 'service-link');
  const updated = { ...link, disabled: !enabled };
  return change({ ...world, serviceLinks: replaced(world.serviceLinks, link, updated) }, updated, {
    consequences:
      enabled || link.disabled
        ? []
        : [`Service ${serviceId} cannot map for ${link.name} (site ${link.siteId}) under link ${linkId} any more.`],
  });
}

function checkedRoles(roles: readonly Role[], allowed: readonly Role[], whose: string): readonly Role[] {
  const foreign = roles.find((role) => !allowed.includes(role));
  if (foreign === undefined) return sortRoles(roles);
  throw invalidValue('roles', `${foreign} is no role of ${whose}`, `Give some of ${allowed.join(', ')}.`);
}

/** The whole link id has to match, as in the reference. */
function linkIdPattern(expression: string): RegExp {
  if (expression === '') return /(?:)/;
  try {
    return new RegExp(`^(?:${expression})$`, 'u');
  } catch {
    throw invalidValue('link id expression', `${expression} is not a regular expression`, 'Correct it.');
  }
}
