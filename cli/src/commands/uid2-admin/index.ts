import { clientRoutes } from './client.ts';
import { cloudKeyRoutes } from './cloud-key.ts';
import { enclaveRoutes } from './enclave.ts';
import { keyRoutes } from './key.ts';
import { keypairRoutes } from './keypair.ts';
import { keysetRoutes } from './keyset.ts';
import { operatorRoutes } from './operator.ts';
import { saltRoutes } from './salt.ts';
import { serviceLinkRoutes, serviceRoutes } from './service.ts';
import { siteRoutes } from './site.ts';
import { viewRoutes } from './view.ts';
import { exportCommand, importCommand } from './transfer.ts';

/** The administrator's part of `holdfast uid2`: what is done to the world that Core serves. */
export const uid2AdminRoutes = {
  site: siteRoutes,
  client: clientRoutes,
  operator: operatorRoutes,
  enclave: enclaveRoutes,
  keyset: keysetRoutes,
  key: keyRoutes,
  keypair: keypairRoutes,
  service: serviceRoutes,
  'service-link': serviceLinkRoutes,
  'cloud-key': cloudKeyRoutes,
  salt: saltRoutes,
  view: viewRoutes,
  export: exportCommand,
  import: importCommand,
} as const;
