import { parseRecords, writeRecords } from './record-reader.ts';

/** A participant of the framework. */
export interface SiteRecord {
  readonly id: number;
  readonly name: string;
  readonly enabled: boolean;
  readonly domainNames: readonly string[];
  readonly appNames: readonly string[];
  /** What the participant is: DSP, ADVERTISER, DATA_PROVIDER, PUBLISHER. */
  readonly clientTypes: readonly string[];
  readonly visible: boolean;
  /** Seconds since the epoch. */
  readonly created: number;
}

/**
 * Reads a sites file. Only `id` must be there.
 * @throws MalformedError SEED_FILE_MALFORMED
 */
export function parseSites(text: string): SiteRecord[] {
  return parseRecords('sites', text, (record) => ({
    id: record.integer('id'),
    name: record.textOr('name', ''),
    enabled: record.booleanOr('enabled', false),
    domainNames: record.textsOr('domain_names', []),
    appNames: record.textsOr('app_names', []),
    clientTypes: record.textsOr('clientTypes', []),
    visible: record.booleanOr('visible', true),
    created: record.integerOr('created', 0),
  }));
}

/** The text of a sites file. */
export function writeSites(sites: readonly SiteRecord[]): string {
  return writeRecords(
    sites.map((site) => ({
      id: site.id,
      name: site.name,
      enabled: site.enabled,
      clientTypes: site.clientTypes,
      domain_names: site.domainNames,
      app_names: site.appNames,
      visible: site.visible,
      created: site.created,
    })),
  );
}
