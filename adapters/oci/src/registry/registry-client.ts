import { MANIFEST_MEDIA_TYPES } from '@holdfast/policy';
import type { Descriptor, ImageReference } from '@holdfast/policy';

import { sha256Digest, verifyContent } from '../digest.ts';
import type { ManifestDocument } from '../resolve-manifest.ts';
import { readAll, refusal } from './answers.ts';
import { RegistryAuthorization } from './authorization.ts';
import type { RegistryAddress } from './authorization.ts';
import { DEFAULT_DOWNLOAD_PACE, downloadBlob } from './blob-download.ts';
import type { DownloadPace } from './blob-download.ts';
import type { CredentialSource } from './credentials.ts';
import { registryOrigin } from './plain-http.ts';
import type { PlainHttpPolicy } from './plain-http.ts';
import { DEFAULT_RETRY_POLICY, retrying } from './retry.ts';
import type { RetryPolicy } from './retry.ts';
import { RegistryTransport } from './transport.ts';
import type { TransportAnswer, TransportRequest } from './transport.ts';

export interface RegistryClientOptions {
  /** Anonymous when missing. */
  readonly credentials?: CredentialSource;
  /** Registries that may be spoken to without TLS; none when missing. */
  readonly plainHttp?: PlainHttpPolicy;
  /** Replaces single settings of `DEFAULT_RETRY_POLICY`. */
  readonly retry?: Partial<RetryPolicy>;
  readonly pace?: DownloadPace;
  /** 10 seconds when missing. */
  readonly connectTimeoutMs?: number;
  /** Longest time until an answer starts, and longest silence within one; 30 seconds when missing. */
  readonly idleTimeoutMs?: number;
  /** Additional certificate authorities in PEM. */
  readonly ca?: string;
}

export interface FetchedManifest extends ManifestDocument {
  readonly digest: string;
}

/** What one request to a registry needs to know about the repository it is about. */
type Repository = Pick<ImageReference, 'host' | 'apiHost' | 'repository'>;

interface RepositoryRequest extends Omit<TransportRequest, 'url' | 'headers'> {
  /** Below `/v2/<repository>/`, or an absolute URL that the registry gave. */
  readonly target: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly push?: boolean;
}

/** Speaks the OCI distribution protocol with any number of registries: authenticates, retries, verifies every digest. */
export class RegistryClient {
  readonly #transport: RegistryTransport;
  readonly #authorization: RegistryAuthorization;
  readonly #plainHttp: PlainHttpPolicy;
  readonly #pace: DownloadPace;
  /** How failed requests are repeated. */
  readonly retry: RetryPolicy;

  constructor(options: RegistryClientOptions = {}) {
    this.retry = { ...DEFAULT_RETRY_POLICY, ...options.retry };
    this.#pace = options.pace ?? DEFAULT_DOWNLOAD_PACE;
    this.#plainHttp = options.plainHttp ?? {};
    this.#transport = new RegistryTransport({
      plainHttp: this.#plainHttp,
      connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
      idleTimeoutMs: options.idleTimeoutMs ?? 30_000,
      ...(options.ca === undefined ? {} : { ca: options.ca }),
    });
    this.#authorization = new RegistryAuthorization({
      transport: this.#transport,
      credentials: options.credentials ?? (() => Promise.resolve(undefined)),
      plainHttp: this.#plainHttp,
      clock: this.retry.clock,
    });
  }

  /**
   * A manifest or index by tag or digest. A digest is verified; for a tag the registry's own digest header is.
   * @throws RequestError REGISTRY_MANIFEST_UNKNOWN, REGISTRY_UNAUTHORIZED, REGISTRY_FORBIDDEN
   * @throws VerificationError IMAGE_DIGEST_MISMATCH
   * @throws DependencyError REGISTRY_UNREACHABLE, REGISTRY_TIMEOUT, REGISTRY_UNAVAILABLE, REGISTRY_ANSWER_INVALID
   */
  fetchManifest(repository: Repository, tagOrDigest: string, maxBytes: number): Promise<FetchedManifest> {
    const what = `the manifest of ${repository.host}/${repository.repository} ${tagOrDigest}`;
    const expected = tagOrDigest.startsWith('sha256:') ? tagOrDigest : undefined;
    return retrying(this.retry, async () => {
      const answer = await this.send(repository, {
        method: 'GET',
        target: `manifests/${tagOrDigest}`,
        headers: { accept: MANIFEST_MEDIA_TYPES.join(', ') },
      });
      if (answer.status !== 200) throw await this.refusal(answer, what, 'REGISTRY_MANIFEST_UNKNOWN');
      const bytes = await readAll(answer, maxBytes, what);
      const promised = expected ?? answer.headers['docker-content-digest'];
      if (promised?.startsWith('sha256:') === true) verifyContent(bytes, { digest: promised }, what);
      const mediaType = answer.headers['content-type']?.split(';', 1)[0]?.trim();
      return { bytes, digest: sha256Digest(bytes), ...(mediaType === undefined ? {} : { mediaType }) };
    });
  }

  /**
   * A small blob, verified.
   * @throws as `streamBlob`
   */
  async fetchBlob(repository: Repository, blob: Descriptor, maxBytes: number): Promise<Uint8Array> {
    return readAll({ body: this.streamBlob(repository, blob) }, maxBytes, `blob ${blob.digest}`);
  }

  /**
   * The bytes of a blob as stored, resumed when the connection breaks, verified at the end.
   * @throws RequestError REGISTRY_BLOB_UNKNOWN and the errors of `fetchManifest` (from the iteration)
   */
  streamBlob(repository: Repository, blob: Descriptor, signal?: AbortSignal): AsyncIterable<Uint8Array> {
    const open = async (offset: number): Promise<TransportAnswer> => {
      const answer = await this.send(repository, {
        method: 'GET',
        target: `blobs/${blob.digest}`,
        headers: offset === 0 ? {} : { range: `bytes=${offset}-` },
        ...(signal === undefined ? {} : { signal }),
      });
      if (answer.status === 200 || answer.status === 206) return answer;
      throw await this.refusal(answer, `blob ${blob.digest}`, 'REGISTRY_BLOB_UNKNOWN');
    };
    return downloadBlob({ blob, open, retry: this.retry, pace: this.#pace });
  }

  /** Sends one request, authenticated as the registry demands; answers whatever status comes. Not repeated on failure. */
  async send(repository: Repository, { target, push, headers, ...call }: RepositoryRequest): Promise<TransportAnswer> {
    const registry: RegistryAddress = {
      host: repository.host,
      origin: registryOrigin(repository.apiHost, this.#plainHttp),
    };
    const scope = `repository:${repository.repository}:${push === true ? 'pull,push' : 'pull'}`;
    const url =
      typeof target === 'string' ? new URL(`/v2/${repository.repository}/${target}`, registry.origin) : target;
    const isOwn = url.origin === new URL(registry.origin).origin;
    for (let attempt = 1; ; attempt += 1) {
      const authorization = isOwn ? await this.#authorization.header(registry, scope) : undefined;
      const answer = await this.#transport.send({
        ...call,
        url,
        headers: { ...headers, ...(authorization === undefined ? {} : { authorization }) },
      });
      // A 401 of a host that the registry redirected to is not about the registry's credentials.
      const mayTryAgain = attempt === 1 && answer.status === 401 && isOwn && answer.url.origin === url.origin;
      if (!mayTryAgain) return answer;
      if (!this.#authorization.challenged(registry, scope, answer.headers['www-authenticate'])) return answer;
      await answer.discard();
    }
  }

  /** The URL of a `Location` header, which may be relative. @throws VerificationError REGISTRY_REDIRECT_REFUSED */
  resolveLocation(answer: TransportAnswer, location: string): URL {
    return this.#transport.resolveLocation(answer.url, location);
  }

  /** The error that an unexpected answer means. */
  refusal(answer: TransportAnswer, what: string, unknownCode?: string): Promise<Error> {
    return refusal(answer, what, unknownCode, this.retry.clock());
  }

  async close(): Promise<void> {
    await this.#transport.close();
  }
}
