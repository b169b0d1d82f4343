import { createApp } from '@holdfast/http';
import type { FastifyInstance } from 'fastify';

import type { ClusterIssuer } from './cluster-issuer.ts';
import { issuerDocument } from './issuer-documents.ts';

export interface IssuerAppOptions {
  /** Asked anew for every request: clusters come and go. */
  readonly issuers: () => readonly Pick<ClusterIssuer, 'issuer' | 'jwks'>[];
  /** PEM; documents of issuers are public, and always https. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/**
 * The documents of clusters as their issuer URLs promise them: OpenID configuration and keys, to everybody, without redirects.
 * Clusters are told apart by the path of their issuer.
 * @see OpenID Connect Discovery 1.0, and Kubernetes, service account issuer discovery
 */
export function buildIssuerApp(options: IssuerAppOptions): FastifyInstance {
  const app = createApp({ bodyLimitBytes: 1024, ...(options.tls === undefined ? {} : { tls: options.tls }) });
  app.setNotFoundHandler(async (_request, reply) =>
    reply.code(404).type('application/json').send({ error: 'not_found' }),
  );
  app.get('/*', async (request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '';
    for (const issuer of options.issuers()) {
      const document = issuerDocument(issuer, path);
      if (document === undefined) continue;
      return reply
        .header('Content-Type', 'application/json')
        .header('Cache-Control', 'public, max-age=300')
        .send(document);
    }
    return reply.callNotFound();
  });
  return app;
}
