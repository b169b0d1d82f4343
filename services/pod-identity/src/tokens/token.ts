/** A token as its source gave it; members that the source left out are empty texts. */
export interface Token {
  readonly accessToken: string;
  /** Decimal seconds. */
  readonly expiresIn: string;
  /** Decimal seconds since the epoch. */
  readonly expiresOn: string;
  readonly notBefore: string;
  readonly resource: string;
  readonly type: string;
}

/** An authority or the metadata service said no: the caller gets 403 with the text. Everything else is 503. */
export class TokenRefreshError extends Error {
  override readonly name = 'TokenRefreshError';
}

/** No token for a reason that the caller may hear; answered with 503. */
export class TokenUnavailableError extends Error {
  override readonly name = 'TokenUnavailableError';
}

/** The members of a token in the order and form in which applications have come to know them: texts all of them. */
export function tokenMembers(token: Token): Readonly<Record<string, string>> {
  return {
    access_token: token.accessToken,
    refresh_token: '',
    expires_in: token.expiresIn,
    expires_on: token.expiresOn,
    not_before: token.notBefore,
    resource: token.resource,
    token_type: token.type,
  };
}

/** The body for one token, or the list for several. */
export function tokenBody(tokens: readonly Token[]): string {
  const [only, ...others] = tokens;
  return goJson(only !== undefined && others.length === 0 ? tokenMembers(only) : tokens.map(tokenMembers));
}

/** JSON as Go writes it: safe inside HTML. */
export function goJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[&<>\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/**
 * Reads the answer of a token endpoint. Numbers and texts are both taken.
 * @throws SyntaxError when it is no object of JSON
 */
export function parseToken(text: string): Token {
  const body: unknown = JSON.parse(text);
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new SyntaxError('no object of JSON');
  const member = (name: string): string => {
    const value = (body as Readonly<Record<string, unknown>>)[name];
    return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  };
  return {
    accessToken: member('access_token'),
    expiresIn: member('expires_in'),
    expiresOn: member('expires_on'),
    notBefore: member('not_before'),
    resource: member('resource'),
    type: member('token_type'),
  };
}
