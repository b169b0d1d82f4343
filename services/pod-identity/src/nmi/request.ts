import type { RequestedIdentity } from '@holdfast/admission';

import { queryOf } from './http-values.ts';

/** What a caller asks for. */
export interface TokenRequest extends RequestedIdentity {
  readonly resource: string;
}

/** Reads the query. `object_id` and `principal_id` are not read, so whoever names an identity by them names none. */
export function parseTokenRequest(target: string): TokenRequest {
  const query = queryOf(target);
  return {
    clientId: query.get('client_id') ?? '',
    resourceId: query.get('msi_res_id') || (query.get('mi_res_id') ?? ''),
    resource: query.get('resource') ?? '',
  };
}
