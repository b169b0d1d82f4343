import { useReferenceCors } from '@holdfast/http/serving';
import type { FastifyInstance } from 'fastify';

/** The one route to which a browser may send an API key. */
const KEYED_PATH = '/v2/token/validate';

const EVERYWHERE = { before: ['X-UID2-Client-Version'] };
const WITH_KEY = { ...EVERYWHERE, after: ['Authorization'] };

/** The operator's cross-origin rules: every route allows the client version header, one route an API key. */
export function useOperatorCors(app: FastifyInstance): void {
  useReferenceCors(app, (path) => (path === KEYED_PATH ? WITH_KEY : EVERYWHERE));
}
