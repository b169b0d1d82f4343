import { randomUUID } from 'node:crypto';

import { equalSecretBytes, toUtf8 } from '@holdfast/base';
import { createApp } from '@holdfast/http';
import type { FastifyInstance, FastifyReply } from 'fastify';

import { isKnownResource, unknownResource } from './directory.ts';
import { createIdentityTokens } from './identity-tokens.ts';
import type { ManagedIdentityAppOptions } from './managed-identity-app.ts';
import { selectIdentity } from './select-identity.ts';

export interface AppServiceIdentityAppOptions extends Omit<ManagedIdentityAppOptions, 'hostCertificates'> {
  /** What `x-identity-header` must carry: proof that the request comes from the program it was given to. */
  readonly identityHeader: string;
}

const PATH = '/MSI/token';
const API_VERSION = '2019-08-01';

/**
 * The managed identity endpoint of App Service, which container groups offer in some regions instead of the metadata service:
 * `IDENTITY_ENDPOINT` and `IDENTITY_HEADER`.
 */
export function buildAppServiceIdentityApp(options: AppServiceIdentityAppOptions): FastifyInstance {
  const app = createApp({ bodyLimitBytes: 16 * 1024 });
  const tokens = options.tokens ?? createIdentityTokens(options);
  const refuse = async (reply: FastifyReply, statusCode: number, message: string): Promise<FastifyReply> =>
    reply.code(statusCode).type('application/json').send({ statusCode, message, correlationId: randomUUID() });

  app.setNotFoundHandler(async (_request, reply) => refuse(reply, 404, 'No such path'));
  app.setErrorHandler(async (_error, _request, reply) => refuse(reply, 400, 'Unreadable request'));
  app.get(PATH, async (request, reply) => {
    const header = request.headers['x-identity-header'];
    if (typeof header !== 'string' || !equalSecretBytes(toUtf8(header), toUtf8(options.identityHeader))) {
      return refuse(reply, 401, 'The X-IDENTITY-HEADER is missing or not the one that was given out');
    }
    const query = new URLSearchParams(request.url.split('?')[1] ?? '');
    if (query.get('api-version') !== API_VERSION) return refuse(reply, 400, `api-version must be ${API_VERSION}`);
    const resource = query.get('resource') ?? '';
    if (resource === '') return refuse(reply, 400, 'resource is missing');
    const fault = options.fault?.();
    if (fault !== undefined)
      return reply
        .code(fault.status)
        .headers({ ...fault.headers })
        .send(fault.body);
    const { identities, resources, tokenIssuer } = options;
    const selected = selectIdentity(query, typeof identities === 'function' ? identities() : identities);
    if (typeof selected === 'string') return refuse(reply, 400, selected);
    if (resources !== undefined && !isKnownResource(resource, resources)) {
      return refuse(reply, 400, `AADSTS500011: ${unknownResource(resource, tokenIssuer.tenantId)}`);
    }
    const token = tokens.tokenFor(selected, resource);
    return reply.type('application/json').send({
      access_token: token.accessToken,
      client_id: selected.clientId,
      expires_on: String(token.expiresOn),
      resource,
      token_type: 'Bearer',
    });
  });
  return app;
}

/**
 * The variables by which a container of a virtual node finds its identity. Which of the two a region injects differs.
 * @param url Address of the endpoint, without a path.
 * @param identityHeader Only for the endpoint of App Service.
 */
export function identityVariables(url: string, identityHeader?: string): Readonly<Record<string, string>> {
  const base = url.replace(/\/+$/, '');
  return identityHeader === undefined
    ? { AZURE_POD_IDENTITY_AUTHORITY_HOST: base }
    : { IDENTITY_ENDPOINT: `${base}${PATH}`, IDENTITY_HEADER: identityHeader, IDENTITY_API_VERSION: API_VERSION };
}
