import type { FastifyRequest } from 'fastify';

import type { OperatorApi } from './api.ts';
import type { IdentityMapper } from './identity-mapper.ts';

/** Books what a finished batch came to. */
export function recordBatch(api: OperatorApi, request: FastifyRequest, mapper: IdentityMapper): void {
  api.metrics.identityMap(request, mapper.counts);
  for (const version of ['v2', 'v3', 'v4'] as const) {
    const count = mapper.rawUidVersions[version];
    if (count > 0) api.metrics.rawUids(version, count);
  }
}
