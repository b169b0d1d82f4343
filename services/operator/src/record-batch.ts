import { InternalError } from '@holdfast/base';

import type { OperatorApi } from './api.ts';
import type { MapCounts } from './identity-mapper.ts';
import type { OperatorRequest } from './operator-request.ts';

/**
 * Books what a finished batch came to.
 * @throws InternalError SERVICE_UNKNOWN when the batch came through a link of a service that does not exist
 */
export function recordBatch(api: OperatorApi, request: OperatorRequest, counts: MapCounts): void {
  api.metrics.identityMap(request, counts.byKind);
  const { serviceTags, operatorClient } = request;
  if (serviceTags !== null) {
    const serviceId = operatorClient?.serviceId ?? 0;
    if (api.context.stores.service(serviceId) === undefined) {
      throw new InternalError('SERVICE_UNKNOWN', `service ${serviceId} has links but does not exist`);
    }
    api.metrics.serviceMap(request, serviceTags, counts.byKind);
  }
  for (const version of ['v2', 'v3', 'v4'] as const) {
    const count = counts.rawUidVersions[version];
    if (count > 0) api.metrics.rawUids(version, count);
  }
}
