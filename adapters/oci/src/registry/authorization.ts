import { DependencyError, errorMessage, RequestError, VerificationError } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import { z } from 'zod';

import { readAll, refusal } from './answers.ts';
import { parseChallenge } from './challenge.ts';
import type { Challenge } from './challenge.ts';
import type { CredentialSource, RegistryCredential } from './credentials.ts';
import { mayFollow } from './plain-http.ts';
import type { PlainHttpPolicy } from './plain-http.ts';
import type { RegistryTransport, TransportAnswer } from './transport.ts';

export interface AuthorizationOptions {
  readonly transport: RegistryTransport;
  readonly credentials: CredentialSource;
  readonly plainHttp: PlainHttpPolicy;
  readonly clock: Clock;
}

/** A registry: `host` for credentials, `origin` for requests. */
export interface RegistryAddress {
  readonly host: string;
  readonly origin: string;
}

interface CachedHeader {
  readonly header: string | undefined;
  readonly expiresAt: number;
}

const MAX_TOKEN_ANSWER_BYTES = 1024 * 1024;
/** How long a token is good for when the server does not say (token authentication specification). */
const DEFAULT_TOKEN_SECONDS = 60;
/** A token this close to its end is not used any more. */
const EXPIRY_MARGIN_MS = 10_000;
const CLIENT_ID = 'holdfast';

const tokenText = z.string().regex(/^[\u0021-\u007e]+$/);
const tokenSchema = z
  .object({ token: tokenText.nullish(), access_token: tokenText.nullish(), expires_in: z.number().nullish() })
  .transform(({ token, access_token, expires_in }) => ({
    token: token ?? access_token ?? undefined,
    seconds: expires_in ?? DEFAULT_TOKEN_SECONDS,
  }));
const exchangeSchema = z.object({ refresh_token: tokenText });

/** Finds out what each registry wants to see, gets tokens, and keeps them per registry and scope until they expire. */
export class RegistryAuthorization {
  readonly #options: AuthorizationOptions;
  readonly #challenges = new Map<string, Challenge>();
  readonly #headers = new Map<string, Promise<CachedHeader>>();

  constructor(options: AuthorizationOptions) {
    this.#options = options;
  }

  /** The `Authorization` header for a request, undefined as long as the registry has not asked for one. */
  async header(registry: RegistryAddress, scope: string): Promise<string | undefined> {
    const challenge = this.#challenges.get(registry.host);
    if (challenge === undefined) return undefined;
    const key = `${registry.host} ${scope}`;
    const cached = await this.#headers.get(key);
    if (cached !== undefined && cached.expiresAt - EXPIRY_MARGIN_MS > this.#options.clock()) return cached.header;
    const pending = this.#obtain(registry, challenge, scope);
    this.#headers.set(key, pending);
    try {
      return (await pending).header;
    } catch (error) {
      // A failure is not an answer: the next request asks again.
      if (this.#headers.get(key) === pending) this.#headers.delete(key);
      throw error;
    }
  }

  /** Takes note of a 401. Answers whether the same request, with a new header, has a chance. */
  challenged(registry: RegistryAddress, scope: string, wwwAuthenticate: string | undefined): boolean {
    const challenge = parseChallenge(wwwAuthenticate);
    if (challenge === undefined) return false;
    this.#challenges.set(registry.host, challenge);
    this.#headers.delete(`${registry.host} ${scope}`);
    return true;
  }

  async #obtain(registry: RegistryAddress, challenge: Challenge, scope: string): Promise<CachedHeader> {
    const credential = await this.#options.credentials(registry.host);
    if (credential?.kind === 'registryToken') return forever(`Bearer ${credential.token.reveal()}`);
    if (challenge.kind === 'bearer') return this.#fetchToken(registry, challenge, scope, credential);
    return forever(credential?.kind === 'basic' ? basicHeader(credential) : undefined);
  }

  async #fetchToken(
    registry: RegistryAddress,
    challenge: Challenge & { kind: 'bearer' },
    scope: string,
    credential: RegistryCredential | undefined,
  ): Promise<CachedHeader> {
    const realm = this.#realm(registry, challenge.realm);
    const scopes = [...new Set([scope, ...(challenge.scope ?? '').split(' ')])].filter((text) => text !== '');
    const answer = await this.#requestToken(registry, realm, challenge.service ?? registry.host, scopes, credential);
    if (answer.status !== 200) throw await tokenRefusal(registry, realm, answer, credential);
    const { token, seconds } = await readJson(tokenSchema, realm, answer);
    if (token === undefined) throw answerInvalid(realm, 'it sent no token');
    return { header: `Bearer ${token}`, expiresAt: this.#options.clock() + seconds * 1000 };
  }

  async #requestToken(
    registry: RegistryAddress,
    realm: URL,
    service: string,
    scopes: readonly string[],
    credential: RegistryCredential | undefined,
  ): Promise<TransportAnswer> {
    if (credential?.kind === 'identityToken' || credential?.kind === 'entraToken') {
      const refreshToken =
        credential.kind === 'identityToken'
          ? credential.token.reveal()
          : await this.#exchange(registry, service, credential);
      const form = { grant_type: 'refresh_token', service, client_id: CLIENT_ID, refresh_token: refreshToken };
      return this.#post(realm, { ...form, scope: scopes.join(' ') });
    }
    const url = new URL(realm);
    url.searchParams.set('service', service);
    for (const scope of scopes) url.searchParams.append('scope', scope);
    if (credential?.kind === 'basic') url.searchParams.set('account', credential.username);
    const headers: Record<string, string> =
      credential?.kind === 'basic' ? { authorization: basicHeader(credential) } : {};
    return this.#options.transport.send({ method: 'GET', url, headers });
  }

  /**
   * Turns an Entra access token into a refresh token of the registry.
   * @see Azure Container Registry, "Authentication overview", POST /oauth2/exchange
   */
  async #exchange(
    registry: RegistryAddress,
    service: string,
    credential: RegistryCredential & { kind: 'entraToken' },
  ): Promise<string> {
    const url = new URL('/oauth2/exchange', registry.origin);
    const answer = await this.#post(url, {
      grant_type: 'access_token',
      service,
      access_token: credential.token.reveal(),
      ...(credential.tenant === undefined ? {} : { tenant: credential.tenant }),
    });
    if (answer.status !== 200) throw await tokenRefusal(registry, url, answer, credential);
    return (await readJson(exchangeSchema, url, answer)).refresh_token;
  }

  #post(url: URL, form: Readonly<Record<string, string>>): Promise<TransportAnswer> {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return this.#options.transport.send({ method: 'POST', url, headers, body: new URLSearchParams(form).toString() });
  }

  /** Credentials go to this address, so it needs TLS like the registry itself. */
  #realm(registry: RegistryAddress, text: string): URL {
    const origin = new URL(registry.origin);
    const realm = URL.canParse(text) ? new URL(text) : undefined;
    if (realm === undefined || !mayFollow(origin, realm, this.#options.plainHttp)) {
      throw new VerificationError(
        'REGISTRY_REDIRECT_REFUSED',
        `${registry.host} names a token server without TLS: ${JSON.stringify(text.slice(0, 200))}`,
        { details: { host: registry.host } },
      );
    }
    return realm;
  }
}

function forever(header: string | undefined): CachedHeader {
  return { header, expiresAt: Number.POSITIVE_INFINITY };
}

function basicHeader({ username, password }: RegistryCredential & { kind: 'basic' }): string {
  return `Basic ${Buffer.from(`${username}:${password.reveal()}`).toString('base64')}`;
}

async function tokenRefusal(
  registry: RegistryAddress,
  url: URL,
  answer: TransportAnswer,
  credential: RegistryCredential | undefined,
): Promise<Error> {
  if (answer.status === 400 || answer.status === 401 || answer.status === 403) {
    await answer.discard();
    const known = credential !== undefined;
    return new RequestError(
      'REGISTRY_UNAUTHORIZED',
      known
        ? `${registry.host} did not accept the stored credentials`
        : `${registry.host} gives no anonymous access to this`,
      {
        action: `Check the image name, or log in with: docker login ${registry.host}`,
        details: { host: registry.host },
      },
    );
  }
  return refusal(answer, `a token from ${url.origin}`);
}

async function readJson<T>(schema: z.ZodType<T>, url: URL, answer: TransportAnswer): Promise<T> {
  const bytes = await readAll(answer, MAX_TOKEN_ANSWER_BYTES, `a token from ${url.origin}`);
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (cause) {
    throw answerInvalid(url, `its token answer is not JSON: ${errorMessage(cause)}`);
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw answerInvalid(url, 'its token answer does not have the expected fields');
  return parsed.data;
}

function answerInvalid(url: URL, problem: string): DependencyError {
  return new DependencyError('REGISTRY_ANSWER_INVALID', `${url.origin}: ${problem}`, {
    retryable: false,
    details: { host: url.origin },
  });
}
