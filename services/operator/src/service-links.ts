import { textMember } from '@holdfast/uid2';

import type { OperatorApi } from './api.ts';
import type { EnvelopedCall } from './enveloped-route.ts';
import { refusal } from './responses.ts';
import type { Refusal } from './responses.ts';

const INVALID_LINK: Refusal = { ...refusal(401, 'unauthorized', 'Invalid link_id'), level: 'error' };

/**
 * Checks on whose behalf a client that is a service maps, and notes service and link for log and metrics. Undefined when
 * it may go on: clients that are no service, valid links, and services that name no link.
 */
export function refuseServiceLink(api: OperatorApi, call: EnvelopedCall): Refusal | undefined {
  const { client, payload, request } = call;
  if (client.serviceId === 0) return undefined;
  const { settings, stores } = api.context;
  if (!settings.serviceLinks) return INVALID_LINK;
  if (payload === null || !Object.hasOwn(payload, 'link_id')) return undefined;
  const link = stores.serviceLink(client.serviceId, textMember(payload, 'link_id') ?? '');
  if (link === undefined || link.disabled || !link.roles.includes('MAPPER')) return INVALID_LINK;
  request.serviceTags = { serviceName: client.name, linkName: link.name };
  return undefined;
}
