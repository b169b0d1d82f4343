import type { ServiceLinkRecord, ServiceRecord } from '@holdfast/uid2';
import {
  createService,
  createServiceLink,
  disableService,
  enableService,
  setServiceLinkEnabled,
} from '@holdfast/uid2/administration';

import type { ChangeFlags, WorldFlags } from '../commands/uid2-admin/flags.ts';
import type {
  ServiceCreateFlags,
  ServiceLinkCreateFlags,
  ServiceLinkListFlags,
} from '../commands/uid2-admin/service.ts';
import type { CliContext } from '../context.ts';
import { runChange } from './run-change.ts';
import { runList, shownRecord, stateText } from './run-list.ts';

export function runServiceCreate(context: CliContext, flags: ServiceCreateFlags, name: string): Promise<void> {
  return runChange(
    context,
    flags,
    (world) =>
      createService(world, {
        siteId: flags.site,
        name,
        roles: flags.roles ?? ['MAPPER'],
        linkIdRegex: flags.linkIdRegex ?? '',
      }),
    (service) => shownRecord('service', serviceJson(service), `service ${service.serviceId} created: ${service.name}`),
  );
}

export function runServiceDisable(context: CliContext, flags: ChangeFlags, id: number): Promise<void> {
  return runChange(
    context,
    flags,
    (world) => disableService(world, id),
    ({ service, links }) =>
      shownRecord(
        'service',
        { ...serviceJson(service), disabledLinks: links },
        `service ${id} disabled${links.length === 0 ? '' : `, and with it ${links.join(', ')}`}`,
      ),
  );
}

export function runServiceEnable(context: CliContext, flags: ChangeFlags, id: number): Promise<void> {
  return runChange(
    context,
    flags,
    (world) => enableService(world, id),
    (service) => shownRecord('service', serviceJson(service), `service ${id} enabled`),
  );
}

export function runServiceList(context: CliContext, flags: WorldFlags): Promise<void> {
  return runList<ServiceRecord>(context, flags, (world) => ({
    name: 'services',
    records: world.services,
    headings: ['ID', 'NAME', 'SITE', 'STATE', 'ROLES', 'LINK IDS'],
    row: (service) => [
      service.serviceId,
      service.name,
      service.siteId,
      stateText(service.disabled),
      service.roles.join(','),
      service.linkIdRegex,
    ],
    json: serviceJson,
  }));
}

export function runServiceLinkCreate(
  context: CliContext,
  flags: ServiceLinkCreateFlags,
  serviceId: number,
  linkId: string,
): Promise<void> {
  const { site: siteId, name, roles = ['MAPPER'] } = flags;
  return runChange(
    context,
    flags,
    (world) => createServiceLink(world, { serviceId, linkId, siteId, name, roles }),
    (link) => shownRecord('serviceLink', linkJson(link), `link ${link.linkId} of service ${serviceId} created`),
  );
}

export function runServiceLinkDisable(
  context: CliContext,
  flags: ChangeFlags,
  serviceId: number,
  linkId: string,
): Promise<void> {
  return runChange(
    context,
    flags,
    (world) => setServiceLinkEnabled(world, serviceId, linkId, false),
    (link) => shownRecord('serviceLink', linkJson(link), `link ${linkId} of service ${serviceId} disabled`),
  );
}

export function runServiceLinkEnable(
  context: CliContext,
  flags: ChangeFlags,
  serviceId: number,
  linkId: string,
): Promise<void> {
  return runChange(
    context,
    flags,
    (world) => setServiceLinkEnabled(world, serviceId, linkId, true),
    (link) => shownRecord('serviceLink', linkJson(link), `link ${linkId} of service ${serviceId} enabled`),
  );
}

export function runServiceLinkList(context: CliContext, flags: ServiceLinkListFlags): Promise<void> {
  return runList<ServiceLinkRecord>(context, flags, (world) => ({
    name: 'serviceLinks',
    records: world.serviceLinks.filter(({ serviceId }) => flags.service === undefined || serviceId === flags.service),
    headings: ['SERVICE', 'LINK', 'NAME', 'SITE', 'STATE', 'ROLES'],
    row: (link) => [
      link.serviceId,
      link.linkId,
      link.name,
      link.siteId,
      stateText(link.disabled),
      link.roles.join(','),
    ],
    json: linkJson,
  }));
}

function serviceJson(service: ServiceRecord): Readonly<Record<string, unknown>> {
  const { serviceId, siteId, name, roles, linkIdRegex, disabled } = service;
  return { serviceId, siteId, name, roles, linkIdRegex, disabled };
}

function linkJson(link: ServiceLinkRecord): Readonly<Record<string, unknown>> {
  const { linkId, serviceId, siteId, name, roles, disabled } = link;
  return { linkId, serviceId, siteId, name, roles, disabled };
}
