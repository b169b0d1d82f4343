import { fromUtf8, MalformedError } from '@holdfast/base';
import { scopedMetadataPath } from '@holdfast/uid2';
import type { OperatorRecord, Role } from '@holdfast/uid2';
import type { FastifyInstance } from 'fastify';

import { requireAccess } from '../authentication/authenticate.ts';
import type { CoreConfig } from '../config.ts';
import type { CoreContext } from '../context.ts';
import { scopeFor } from '../metadata/scope.ts';
import { signLocations } from '../metadata/sign-locations.ts';
import { sendJson } from '../responses.ts';

interface MetadataRoute {
  readonly path: string;
  readonly metadataPath: (config: CoreConfig) => string;
  /** The member of the metadata whose location becomes a link. */
  readonly member: string;
  /** How the store is called when it fails. */
  readonly word: string;
  readonly role: Role;
  readonly publicOnly?: boolean;
  /** `scoped` and `salts` have copies per operator; `global` is one file for everybody. */
  readonly copies: 'scoped' | 'salts' | 'global';
}

const ROUTES: readonly MetadataRoute[] = [
  {
    path: '/sites/refresh',
    metadataPath: (config) => config.sites_metadata_path,
    member: 'sites',
    word: 'sites',
    role: 'OPERATOR',
    publicOnly: true,
    copies: 'scoped',
  },
  {
    path: '/clients/refresh',
    metadataPath: (config) => config.clients_metadata_path,
    member: 'client_keys',
    word: 'client',
    role: 'OPERATOR',
    copies: 'scoped',
  },
  {
    path: '/client_side_keypairs/refresh',
    metadataPath: (config) => config.client_side_keypairs_metadata_path,
    member: 'client_side_keypairs',
    word: 'client_side_keypairs',
    role: 'OPERATOR',
    publicOnly: true,
    copies: 'scoped',
  },
  {
    path: '/services/refresh',
    metadataPath: (config) => config.services_metadata_path,
    member: 'services',
    word: 'services',
    role: 'OPERATOR',
    publicOnly: true,
    copies: 'global',
  },
  {
    path: '/service_links/refresh',
    metadataPath: (config) => config.service_links_metadata_path,
    member: 'service_links',
    word: 'service_links',
    role: 'OPERATOR',
    publicOnly: true,
    copies: 'global',
  },
  {
    path: '/key/refresh',
    metadataPath: (config) => config.keys_metadata_path,
    member: 'keys',
    word: 'key',
    role: 'OPERATOR',
    copies: 'scoped',
  },
  {
    path: '/key/acl/refresh',
    metadataPath: (config) => config.keys_acl_metadata_path,
    member: 'keys_acl',
    word: 'key acl',
    role: 'OPERATOR',
    copies: 'scoped',
  },
  {
    path: '/key/keyset/refresh',
    metadataPath: (config) => config.keysets_metadata_path,
    member: 'keysets',
    word: 'keyset',
    role: 'OPERATOR',
    copies: 'scoped',
  },
  {
    path: '/key/keyset-keys/refresh',
    metadataPath: (config) => config.keyset_keys_metadata_path,
    member: 'keyset_keys',
    word: 'keyset key',
    role: 'OPERATOR',
    copies: 'scoped',
  },
  {
    path: '/salt/refresh',
    metadataPath: (config) => config.salts_metadata_path,
    member: 'salts',
    word: 'salt',
    role: 'OPERATOR',
    copies: 'salts',
  },
  {
    path: '/operators/refresh',
    metadataPath: (config) => config.operators_metadata_path,
    member: 'operators',
    word: 'operator',
    role: 'OPTOUT_SERVICE',
    copies: 'global',
  },
  {
    path: '/partners/refresh',
    metadataPath: (config) => config.partners_metadata_path,
    member: 'partners',
    word: 'partner',
    role: 'OPTOUT_SERVICE',
    copies: 'global',
  },
];

/** `GET …/refresh`: where the seeds of a store are, as links that need no further credential. */
export function addMetadataRoutes(app: FastifyInstance, context: CoreContext): void {
  for (const route of ROUTES) {
    const access = { roles: [route.role], attested: true, publicOnly: route.publicOnly ?? false };
    app.get(
      route.path,
      requireAccess(context, access, async (request, reply, { operator }) => {
        try {
          const encrypted = String(request.headers['encrypted'] ?? '').toLowerCase() === 'true';
          const path = metadataPathFor(route, context.config, operator, encrypted);
          const metadata = fromUtf8(await context.objects.read(path));
          const ttlSeconds = context.config.pre_signed_url_expiry;
          const signed = await signLocations(metadata, route.member, (location) =>
            context.objects.presign(location, ttlSeconds),
          );
          return sendJson(reply, 200, signed);
        } catch (error) {
          context.events.requestFailed(route.path, error);
          return sendJson(reply, 500, { status: 'error', message: `error processing ${route.word} refresh` });
        }
      }),
    );
  }
}

function metadataPathFor(
  route: MetadataRoute,
  config: CoreConfig,
  operator: OperatorRecord,
  encrypted: boolean,
): string {
  const metadataPath = route.metadataPath(config);
  if (route.copies === 'global') return metadataPath;
  const { siteId, operatorType } = operator;
  if (siteId === undefined) {
    throw new MalformedError('CORE_OPERATOR_SITE_MISSING', `the record of operator ${operator.name} has no site_id`);
  }
  const scope = scopeFor({
    operator: { siteId, operatorType },
    encrypted,
    privateSiteData: config.provide_private_site_data,
    salts: route.copies === 'salts',
  });
  return scopedMetadataPath(metadataPath, scope);
}
