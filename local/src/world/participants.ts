import type { Role, SiteRecord } from '@holdfast/uid2';

/** Site of the private operator's owner; the demonstration client belongs to it too. */
export const OWNER_SITE_ID = 3;

/** Site of the services that run the framework itself. */
export const ADMINISTRATION_SITE_ID = 7;

type Participant = Pick<SiteRecord, 'id' | 'name' | 'clientTypes' | 'domainNames' | 'appNames'>;

/** The participants of the local world. Ids 0 to 2 are reserved by the framework. */
export const PARTICIPANTS: readonly Participant[] = [
  {
    id: OWNER_SITE_ID,
    name: 'Kelp Media',
    clientTypes: ['PUBLISHER', 'ADVERTISER'],
    domainNames: ['kelp.example', 'news.kelp.example'],
    appNames: ['example.kelp.reader'],
  },
  { id: 4, name: 'Limpet DSP', clientTypes: ['DSP'], domainNames: [], appNames: [] },
  { id: 5, name: 'Anemone Retail', clientTypes: ['ADVERTISER'], domainNames: ['anemone.example'], appNames: [] },
  { id: 6, name: 'Plankton Data', clientTypes: ['DATA_PROVIDER'], domainNames: [], appNames: [] },
  { id: ADMINISTRATION_SITE_ID, name: 'Local Administration', clientTypes: [], domainNames: [], appNames: [] },
];

export interface SeededClient {
  readonly name: string;
  readonly siteId: number;
  readonly roles: readonly Role[];
}

/** The client that `up` proves the operator with and shows to the person. */
export const DEMO_CLIENT: SeededClient = {
  name: 'Demo client',
  siteId: OWNER_SITE_ID,
  roles: ['GENERATOR', 'MAPPER', 'ID_READER', 'SHARER', 'OPTOUT'],
};

/** One client per role, to try what a role may and may not do. */
export const ROLE_CLIENTS: readonly SeededClient[] = [
  { name: 'Kelp publisher', siteId: OWNER_SITE_ID, roles: ['GENERATOR'] },
  { name: 'Limpet bidder', siteId: 4, roles: ['ID_READER'] },
  { name: 'Anemone mapper', siteId: 5, roles: ['MAPPER'] },
  { name: 'Plankton sharer', siteId: 6, roles: ['MAPPER', 'SHARER'] },
  { name: 'Opt-out portal', siteId: ADMINISTRATION_SITE_ID, roles: ['OPTOUT'] },
];
