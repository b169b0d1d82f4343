import { exactRole, sortRoles } from '../api-keys/roles.ts';
import type { Role } from '../api-keys/roles.ts';
import { parseRecords, writeRecords } from './record-reader.ts';

/** A service that maps identities on behalf of several participants. */
export interface ServiceRecord {
  readonly serviceId: number;
  readonly siteId: number;
  readonly name: string;
  readonly roles: readonly Role[];
  /** What link ids of this service look like; for whoever makes them. */
  readonly linkIdRegex: string;
  readonly disabled: boolean;
}

/**
 * Reads a services file. Unlike elsewhere, role names count only as they are written: another spelling fails the file.
 * @throws MalformedError SEED_FILE_MALFORMED
 */
export function parseServices(text: string): ServiceRecord[] {
  return parseRecords('services', text, (record) => ({
    serviceId: record.integer('service_id'),
    siteId: record.integerOr('site_id', 0),
    name: record.textOr('name', ''),
    roles: sortRoles(
      record.textsOr('roles', []).map((name) => {
        const role = exactRole(name);
        if (role === undefined) throw record.fail('roles', 'holds a role that nobody knows');
        return role;
      }),
    ),
    linkIdRegex: record.textOr('link_id_regex', ''),
    disabled: record.booleanOr('disabled', false),
  }));
}

/** The text of a services file. */
export function writeServices(services: readonly ServiceRecord[]): string {
  return writeRecords(
    services.map((service) => ({
      service_id: service.serviceId,
      site_id: service.siteId,
      name: service.name,
      roles: service.roles,
      link_id_regex: service.linkIdRegex,
      disabled: service.disabled,
    })),
  );
}
