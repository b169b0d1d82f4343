import type { FastifyInstance } from 'fastify';

import type { SkrContext } from '../context.ts';
import { endpointOrigin } from '../endpoint.ts';
import { maaOrigin } from '../maa-endpoint.ts';
import { optionalTextMember, textMembers } from '../request-body.ts';

/** `POST /key/release`: the private JWK of a key whose release policy this environment satisfies, as JSON text. */
export function registerKeyReleaseRoute(app: FastifyInstance, context: SkrContext): void {
  app.post('/key/release', async (request) => {
    const members = textMembers(request.body, ['maa_endpoint', 'akv_endpoint', 'kid']);
    const jwk = await context.releaseKey({
      maaOrigin: maaOrigin(members.maa_endpoint, context.maaEndpointRules),
      vaultOrigin: endpointOrigin(
        members.akv_endpoint,
        context.vaultEndpointRules,
        'akv_endpoint',
        'allowed_akv_hosts',
      ),
      kid: members.kid,
      accessToken: optionalTextMember(request.body, 'access_token'),
    });
    context.events.answered('/key/release');
    return { key: JSON.stringify(jwk) };
  });
}
