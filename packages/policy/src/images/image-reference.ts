import { MalformedError, UnsupportedError } from '@holdfast/base';

/** Why a policy made for this reference may not fit the image that runs. */
export interface ImageReferenceWarning {
  readonly code: 'TAG_MISSING' | 'TAG_LATEST' | 'TAG_IGNORED';
  readonly message: string;
}

/** A container image reference, read the way Docker and containerd read it. */
export interface ImageReference {
  /** As the user wrote it; this is the text that goes into policies. */
  readonly text: string;
  /** Registry with port, for credentials and display: `docker.io`, `ghcr.io`, `localhost:5000`. */
  readonly host: string;
  /** Registry with port, for requests: `registry-1.docker.io` where `host` is `docker.io`. */
  readonly apiHost: string;
  /** `library/nginx`, `org/team/app`. */
  readonly repository: string;
  /** `latest` when the text has neither tag nor digest, undefined when it has only a digest. */
  readonly tag?: string;
  /** `sha256:` and 64 lowercase hex characters. Where both tag and digest are given, the digest decides. */
  readonly digest?: string;
  /** The complete spelling: `docker.io/library/nginx:latest`. */
  readonly canonical: string;
  /** The shortest spelling that means the same: `nginx:latest`. */
  readonly familiar: string;
  readonly warnings: readonly ImageReferenceWarning[];
}

const DEFAULT_HOST = 'docker.io';
const DEFAULT_API_HOST = 'registry-1.docker.io';
/** Other names of Docker Hub that people write. */
const DEFAULT_HOST_ALIASES = new Set(['index.docker.io', DEFAULT_API_HOST]);

/** Longest name (host and repository) that registries accept. */
const MAX_NAME_LENGTH = 255;
/** Name, tag of 128, digest of 71, separators. */
const MAX_TEXT_LENGTH = MAX_NAME_LENGTH + 1 + 128 + 1 + 71;

const HOST_LABEL = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;
const HOST_PORT = /^(?<name>[^:[\]]+|\[[0-9A-Fa-f:.]{2,45}\])(?::(?<port>\d{1,5}))?$/;
const PATH_COMPONENT = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST_FORM = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;
const SHA256_DIGEST = /^sha256:[0-9a-f]{64}$/;

/**
 * Reads `[host[:port]/]path[:tag][@digest]`. The first component is a host when it holds a dot or colon or is `localhost`;
 * otherwise the image is on Docker Hub, below `library/` when the path has one component.
 * @throws MalformedError IMAGE_REFERENCE_INVALID
 * @throws UnsupportedError IMAGE_DIGEST_UNSUPPORTED for digests other than SHA-256
 * @see OCI Distribution Specification 1.1, "Pulling manifests"
 */
export function parseImageReference(text: string): ImageReference {
  if (text.length === 0) throw invalid(text, 'it is empty');
  if (text.length > MAX_TEXT_LENGTH) throw invalid(text, `it is longer than ${MAX_TEXT_LENGTH} characters`);
  const { name, tag, digest } = splitReference(text);
  const { host, repository } = splitName(text, name);
  const effectiveTag = tag ?? (digest === undefined ? 'latest' : undefined);
  const suffix = `${effectiveTag === undefined ? '' : `:${effectiveTag}`}${digest === undefined ? '' : `@${digest}`}`;
  return {
    text,
    host,
    apiHost: host === DEFAULT_HOST ? DEFAULT_API_HOST : host,
    repository,
    ...(effectiveTag === undefined ? {} : { tag: effectiveTag }),
    ...(digest === undefined ? {} : { digest }),
    canonical: `${host}/${repository}${suffix}`,
    familiar: `${familiarName(host, repository)}${suffix}`,
    warnings: warningsOf(text, tag, digest),
  };
}

/** Whether `text` is a digest this release can check: `sha256:` and 64 lowercase hex characters. */
export function isSha256Digest(text: string): boolean {
  return SHA256_DIGEST.test(text);
}

function splitReference(text: string): { name: string; tag?: string; digest?: string } {
  const at = text.indexOf('@');
  const beforeDigest = at < 0 ? text : text.slice(0, at);
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest !== undefined) checkDigest(text, digest);
  const colon = beforeDigest.indexOf(':', beforeDigest.lastIndexOf('/') + 1);
  // A colon in the only component separates a tag: `localhost:5000` without a path names the image `localhost`.
  const tag = colon < 0 ? undefined : beforeDigest.slice(colon + 1);
  if (tag !== undefined && !TAG.test(tag)) {
    throw invalid(text, 'the tag has to be 1 to 128 letters, digits, dots, dashes or underscores');
  }
  return {
    name: colon < 0 ? beforeDigest : beforeDigest.slice(0, colon),
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

function checkDigest(text: string, digest: string): void {
  if (isSha256Digest(digest)) return;
  if (DIGEST_FORM.test(digest) && !digest.startsWith('sha256:')) {
    throw new UnsupportedError('IMAGE_DIGEST_UNSUPPORTED', `${shown(text)} is named by a digest other than sha256`, {
      action: 'Refer to the image by its sha256 digest.',
    });
  }
  throw invalid(text, 'the digest has to be sha256: and 64 lowercase hexadecimal characters');
}

function splitName(text: string, name: string): { host: string; repository: string } {
  if (name.length > MAX_NAME_LENGTH) throw invalid(text, `the name is longer than ${MAX_NAME_LENGTH} characters`);
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const hasHost = first.includes('.') || first.includes(':') || first === 'localhost';
  const path = hasHost ? name.slice(slash + 1) : name;
  if (hasHost) checkHost(text, first);
  for (const component of path.split('/')) {
    if (!PATH_COMPONENT.test(component)) {
      throw invalid(text, `"${component.slice(0, 40)}" is no repository name: ${pathProblem(component)}`);
    }
  }
  // Container engines take such a name for an image id.
  if (!hasHost && /^[0-9a-f]{64}$/.test(path)) throw invalid(text, 'it is an image id, not a name');
  const host = !hasHost || DEFAULT_HOST_ALIASES.has(first) ? DEFAULT_HOST : first;
  return { host, repository: host === DEFAULT_HOST && !path.includes('/') ? `library/${path}` : path };
}

function checkHost(text: string, host: string): void {
  const { name, port } = HOST_PORT.exec(host)?.groups ?? {};
  const labelsFit =
    name?.startsWith('[') === true || name?.split('.').every((label) => HOST_LABEL.test(label)) === true;
  if (!labelsFit || (port !== undefined && (Number(port) === 0 || Number(port) > 65_535))) {
    throw invalid(text, `"${host.slice(0, 80)}" is no host name with an optional port`);
  }
}

function pathProblem(component: string): string {
  if (component === '') return 'it is empty';
  if (component !== component.toLowerCase()) return 'it has upper case letters';
  return 'it may hold lower case letters and digits, separated by single dots, one or two underscores, or dashes';
}

function familiarName(host: string, repository: string): string {
  if (host !== DEFAULT_HOST) return `${host}/${repository}`;
  const short = repository.startsWith('library/') ? repository.slice('library/'.length) : repository;
  // `library/a/b` has to keep its prefix: `a/b` is another repository.
  return short.includes('/') ? repository : short;
}

function warningsOf(text: string, tag: string | undefined, digest: string | undefined): ImageReferenceWarning[] {
  const image = shown(text);
  if (digest !== undefined) {
    if (tag === undefined) return [];
    return [
      { code: 'TAG_IGNORED', message: `${image} has a tag and a digest: the digest decides, the tag is not read` },
    ];
  }
  if (tag !== undefined && tag !== 'latest') return [];
  const found = tag === undefined ? 'has no tag, which means latest' : 'has the tag latest';
  return [
    {
      code: tag === undefined ? 'TAG_MISSING' : 'TAG_LATEST',
      message: `${image} ${found}: the policy fits only what that tag names today`,
    },
  ];
}

function invalid(text: string, problem: string): MalformedError {
  return new MalformedError('IMAGE_REFERENCE_INVALID', `${shown(text)} is no image reference: ${problem}`, {
    action: 'Write it as [host[:port]/]path[:tag][@sha256:…].',
    details: { reference: text.slice(0, MAX_TEXT_LENGTH) },
  });
}

/** Quoted, shortened, and without control characters, so that it cannot rewrite a terminal. */
function shown(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}
