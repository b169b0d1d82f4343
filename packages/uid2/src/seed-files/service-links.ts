import { roleOf, sortRoles } from '../api-keys/roles.ts';
import type { Role } from '../api-keys/roles.ts';
import { parseRecords, writeRecords } from './record-reader.ts';

/** A participant's permission for a service to act for it. */
export interface ServiceLinkRecord {
  readonly linkId: string;
  readonly serviceId: number;
  readonly siteId: number;
  readonly name: string;
  readonly roles: readonly Role[];
  readonly disabled: boolean;
}

/**
 * Reads a service links file. Role names count in any case; unknown ones open nothing.
 * @throws MalformedError SEED_FILE_MALFORMED
 */
export function parseServiceLinks(text: string): ServiceLinkRecord[] {
  return parseRecords('service_links', text, (record) => ({
    linkId: record.text('link_id'),
    serviceId: record.integer('service_id'),
    siteId: record.integerOr('site_id', 0),
    name: record.textOr('name', ''),
    roles: sortRoles(record.textsOr('roles', []).map(roleOf)),
    disabled: record.booleanOr('disabled', false),
  }));
}

/** The text of a service links file. */
export function writeServiceLinks(links: readonly ServiceLinkRecord[]): string {
  return writeRecords(
    links.map((link) => ({
      link_id: link.linkId,
      service_id: link.serviceId,
      site_id: link.siteId,
      name: link.name,
      roles: link.roles,
      disabled: link.disabled,
    })),
  );
}

/** Under which a link is looked up: link ids are unique within a service only. */
export function serviceLinkKey(serviceId: number, linkId: string): string {
  return `${serviceId}_${linkId}`;
}
