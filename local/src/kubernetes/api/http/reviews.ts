import type { User } from '../backend.ts';
import { listAt, mapAt, stringAt } from '../objects.ts';
import { readBody } from './body.ts';
import type { ResourceRequest } from './request.ts';
import type { Answer } from './resource-routes.ts';

export type AuthenticateToken = (token: string) => Promise<User | undefined>;
export type AllowsUser = (user: User, attributes: Readonly<Record<string, unknown>>) => boolean;

/** Reviews: answered at once and never kept. */
export async function serveReview(
  request: ResourceRequest,
  authenticate: AuthenticateToken,
  allows: AllowsUser,
): Promise<Answer> {
  const body = readBody(request);
  const spec = mapAt(body, 'spec');
  const { kind, apiVersion } = request.info;
  const answer = (status: unknown): Answer => ({
    status: 201,
    body: { kind, apiVersion, metadata: { creationTimestamp: null }, spec, status },
  });
  switch (kind) {
    case 'SelfSubjectReview':
      return answer({ userInfo: userInfo(request.user) });
    case 'TokenReview': {
      const user = await authenticate(stringAt(spec, 'token') ?? '');
      return answer(
        user === undefined
          ? { user: {}, error: 'invalid bearer token' }
          : { authenticated: true, user: userInfo(user), audiences: listAt(spec, 'audiences') },
      );
    }
    case 'SubjectAccessReview': {
      const groups = listAt(spec, 'groups').filter((one) => typeof one === 'string');
      const user = { username: stringAt(spec, 'user') ?? '', groups };
      return answer({ allowed: allows(user, attributesOf(spec)) });
    }
    default:
      return answer({ allowed: allows(request.user, attributesOf(spec)) });
  }
}

function attributesOf(spec: unknown): Readonly<Record<string, unknown>> {
  return { ...mapAt(spec, 'nonResourceAttributes'), ...mapAt(spec, 'resourceAttributes') };
}

function userInfo(user: User): unknown {
  return {
    username: user.username,
    ...(user.uid === undefined ? {} : { uid: user.uid }),
    groups: user.groups,
  };
}
