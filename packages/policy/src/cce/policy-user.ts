import { MalformedError } from '@holdfast/base';

import type { JsonObject } from '../manifests/json-value.ts';
import type { IdName, PolicyUser } from './policy-model.ts';

const ANY: IdName = { pattern: '', strategy: 'any' };

/**
 * The user rule of a container: from `runAsUser` and `runAsGroup`, and when neither is given from the image's `User`.
 * @throws MalformedError CCE_INPUT_INVALID when an id is no integer
 */
export function policyUser(
  securityContext: JsonObject,
  imageUser: string | null | undefined,
  container: string,
): PolicyUser {
  const user = idRule(securityContext['runAsUser'], 'runAsUser', container);
  const group = idRule(securityContext['runAsGroup'], 'runAsGroup', container);
  if (user !== undefined || group !== undefined || !imageUser) return userRule(user, group);
  const colon = imageUser.indexOf(':');
  const [name, groupName] = colon < 0 ? [imageUser, ''] : [imageUser.slice(0, colon), imageUser.slice(colon + 1)];
  return userRule(idOrName(name), idOrName(groupName));
}

function userRule(user: IdName | undefined, group: IdName | undefined): PolicyUser {
  return { user_idname: user ?? ANY, group_idnames: [group ?? ANY], umask: '0022' };
}

function idRule(value: unknown, member: string, container: string): IdName | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value)) {
    return value >= 0 ? { pattern: String(value), strategy: 'id' } : undefined;
  }
  throw new MalformedError('CCE_INPUT_INVALID', `${member} of the container ${container} is not an integer`);
}

function idOrName(part: string): IdName | undefined {
  if (part === '') return undefined;
  return { pattern: part, strategy: /^[0-9]+$/.test(part) ? 'id' : 'name' };
}
