import type { DiiKind, JsonObject } from '@holdfast/uid2';

import { identityText } from '../identities.ts';
import { EnvelopedScenario } from './enveloped.ts';
import type { Caller } from './enveloped.ts';

/** Different users per process. */
const USERS = 8_192;

/** `POST /v2/token/generate`, one user per request. */
export function tokenGenerate(caller: Caller, kind: DiiKind, users: number = USERS): EnvelopedScenario {
  return new EnvelopedScenario({
    caller,
    path: '/v2/token/generate',
    entriesPerRequest: 1,
    payloads: users,
    payload: (index) => JSON.stringify({ [kind]: identityText(kind, index) }),
    problemOf: tokenProblem,
  });
}

/** What is missing in the body of a token reply, if anything. */
export function tokenProblem(body: JsonObject): string | undefined {
  const missing = ['advertising_token', 'refresh_token', 'refresh_response_key'].find(
    (name) => typeof body[name] !== 'string',
  );
  return missing === undefined ? undefined : `the reply has no ${missing}`;
}
