import { PlainRouteRequest } from '@holdfast/http/serving';
import type { RouteReply, RouteRequest } from '@holdfast/http/serving';
import type { ClientRecord } from '@holdfast/uid2';

export interface ServiceTags {
  readonly serviceName: string;
  readonly linkName: string;
}

/** What routes note at a request for metrics, statistics and the log. */
export interface RequestNotes {
  /** The client whose key came with the request, once a route has looked. */
  operatorClient: ClientRecord | null;
  /** The site of a request that needs no key, once a route knows it. */
  operatorSiteId: number | null;
  /** The service and the link on whose behalf a request maps. */
  serviceTags: ServiceTags | null;
}

declare module 'fastify' {
  interface FastifyRequest extends RequestNotes {}
}

export interface OperatorRequest extends RouteRequest, RequestNotes {}

/** Answers a request, whether Fastify or the fast path read it: every reply is sent before the promise is fulfilled. */
export type OperatorHandler = (request: OperatorRequest, reply: RouteReply) => Promise<unknown>;

/** Takes note of a request whose reply is out. */
export type ResponseObserver = (request: OperatorRequest, reply: Pick<RouteReply, 'statusCode'>) => void;

/** A request on the fast path. */
export class PlainOperatorRequest extends PlainRouteRequest implements OperatorRequest {
  operatorClient: ClientRecord | null = null;
  operatorSiteId: number | null = null;
  serviceTags: ServiceTags | null = null;
}
