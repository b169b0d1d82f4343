import { selectSalts } from '../api.ts';
import type { OperatorApi } from '../api.ts';
import { envelopedRoute } from '../enveloped-route.ts';
import type { Endpoint, EndpointAnswer, UnparsedCall, UnparsedEndpoint } from '../enveloped-route.ts';
import type { MapWorld } from '../identity-mapper.ts';
import type { MapVersion } from '../map-workers/map-messages.ts';
import type { OperatorHandler } from '../operator-request.ts';
import { recordBatch } from '../record-batch.ts';
import { unknownError } from '../responses.ts';
import type { Refusal } from '../responses.ts';
import { refuseServiceLink } from '../service-links.ts';
import type { MapAnswer } from '../identity-map/map-answer.ts';
import { mapV2 } from '../identity-map/map-v2.ts';
import { mapV3 } from '../identity-map/map-v3.ts';

/** Payloads from here on, some five hundred identities, are worth the way to a worker and back. */
export const POOLED_PAYLOAD_BYTES: number = 16 * 1024;

/**
 * `POST /v2/identity/map`: raw UID and bucket for identities of one kind. `POST /v3/identity/map`: current and previous raw
 * UID and refresh time for identities of all kinds. In order.
 */
export function identityMap(api: OperatorApi, version: MapVersion): OperatorHandler {
  return envelopedRoute(api, ['MAPPER'], mapHere(api, version), mapInWorker(api, version));
}

/** Maps on this thread: small requests, those of services, and all where there are no workers. */
function mapHere(api: OperatorApi, version: MapVersion): Endpoint {
  const map = version === 'v2' ? mapV2 : mapV3;
  return (call) => {
    const world = (): MapWorld => currentWorld(api, call.nowMs);
    const check = (): Refusal | undefined => refuseServiceLink(api, call);
    const slices = map(api.mapper(), world, call.nowMs, call.payload, check);
    return finish(api, version, call, () => api.batches.runSlices(slices));
  };
}

/** Gives large requests to a worker, which also parses them. */
function mapInWorker(api: OperatorApi, version: MapVersion): UnparsedEndpoint {
  return (call) => {
    const { client, payloadBytes: payload, nowMs } = call;
    // Links of services are checked here, with the payload parsed.
    if (payload.length < POOLED_PAYLOAD_BYTES || client.serviceId !== 0 || !api.mapWorkers.usable) return undefined;
    return finish(api, version, call, () =>
      api.mapWorkers.run({ version, payload, nowMs, world: currentWorld(api, nowMs) }),
    );
  };
}

async function finish(
  api: OperatorApi,
  version: MapVersion,
  call: Pick<UnparsedCall, 'request' | 'client'>,
  map: () => Promise<MapAnswer>,
): Promise<EndpointAnswer> {
  if (version === 'v2') api.metrics.sdkVersion(call.request, call.client.siteId);
  try {
    const answer = await map();
    if (answer.ok) recordBatch(api, call.request, answer.counts);
    return answer;
  } catch (error) {
    return unknownError(`mapping identity ${version}`, error);
  }
}

function currentWorld({ context }: OperatorApi, nowMs: number): MapWorld {
  const { stores } = context;
  return {
    salts: selectSalts(context, nowMs),
    optOuts: stores.optOuts(),
    environment: stores.runtimeConfig().identityEnvironment,
  };
}
