import { nearest } from '../config/suggest.ts';

/** Regions in Europe, with those that are announced or restricted and the logical ones. */
export const europeanRegions: readonly string[] = [
  'northeurope',
  'westeurope',
  'uksouth',
  'ukwest',
  'francecentral',
  'francesouth',
  'germanywestcentral',
  'germanynorth',
  'switzerlandnorth',
  'switzerlandwest',
  'norwayeast',
  'norwaywest',
  'swedencentral',
  'swedensouth',
  'polandcentral',
  'italynorth',
  'spaincentral',
  'austriaeast',
  'belgiumcentral',
  'denmarkeast',
  'finlandcentral',
  'greececentral',
  'germanycentral',
  'germanynortheast',
  'europe',
  'uk',
  'france',
  'germany',
  'switzerland',
  'norway',
  'sweden',
  'poland',
  'italy',
  'spain',
  'austria',
  'belgium',
  'denmark',
];

/** Regions of the separate cloud in China. */
export const chineseRegions: readonly string[] = [
  'chinaeast',
  'chinaeast2',
  'chinaeast3',
  'chinanorth',
  'chinanorth2',
  'chinanorth3',
];

/** Regions for which confidential virtual nodes are documented and that are not denied. Not complete. */
export const confidentialRegions: readonly string[] = [
  'centralindia',
  'eastasia',
  'eastus',
  'eastus2',
  'japaneast',
  'southcentralus',
  'southeastasia',
  'uaenorth',
  'westus',
  'westus2',
];

/** Physical regions of the public cloud outside Europe, for suggestions when the service cannot be asked. */
const otherRegions: readonly string[] = [
  'australiacentral',
  'australiaeast',
  'australiasoutheast',
  'brazilsouth',
  'canadacentral',
  'canadaeast',
  'centralus',
  'chilecentral',
  'indonesiacentral',
  'israelcentral',
  'japanwest',
  'jioindiawest',
  'koreacentral',
  'koreasouth',
  'malaysiawest',
  'mexicocentral',
  'newzealandnorth',
  'northcentralus',
  'qatarcentral',
  'southafricanorth',
  'southindia',
  'uaecentral',
  'westcentralus',
  'westindia',
  'westus3',
];

const usGovernmentRegions = ['usgovvirginia', 'usgovtexas', 'usgovarizona', 'usdodeast', 'usdodcentral'];

/** What the service says about a region (`GET /subscriptions/{id}/locations`). */
export interface RegionFacts {
  readonly name: string;
  readonly displayName?: string;
  readonly regionType?: string;
  readonly geography?: string;
  readonly geographyGroup?: string;
  readonly physicalLocation?: string;
}

/** A display name such as `East US` as a region name. */
export function normaliseRegion(text: string): string {
  return text.toLowerCase().replaceAll(/[\s()]/g, '');
}

/**
 * Why private operators may not run in a region; undefined when nothing speaks against it. The list decides by itself;
 * what the service says can add a denial and never lifts one.
 */
export function deniedRegion(region: string, facts?: RegionFacts): string | undefined {
  const name = normaliseRegion(region);
  if (chineseRegions.includes(name) || name.includes('china')) return `${region} is in China`;
  if (europeanRegions.includes(name) || name.includes('europe')) return `${region} is in Europe`;
  const group = (facts?.geographyGroup ?? '').toLowerCase();
  if (group === 'europe' || group === 'uk')
    return `Azure places ${region} in the geography group ${facts?.geographyGroup}`;
  const china = [facts?.geography, facts?.displayName, facts?.geographyGroup].find((text) =>
    text?.toLowerCase().includes('china'),
  );
  return china === undefined ? undefined : `Azure places ${region} in ${china}`;
}

export function isSovereignRegion(region: string): boolean {
  const name = normaliseRegion(region);
  return chineseRegions.includes(name) || usGovernmentRegions.includes(name);
}

export function isKnownRegion(region: string): boolean {
  return [
    ...europeanRegions,
    ...chineseRegions,
    ...confidentialRegions,
    ...otherRegions,
    ...usGovernmentRegions,
  ].includes(region);
}

export function nearestRegion(region: string): string | undefined {
  return nearest(region, [...confidentialRegions, ...otherRegions]);
}
