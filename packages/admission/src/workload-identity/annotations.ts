import type { AdmissionDecision } from '../admission-review.ts';
import { denial } from '../admission-review.ts';
import { objectIn, textIn } from '../json.ts';
import type { JsonObject } from '../json.ts';

const PREFIX = 'azure.workload.identity/';

/** The label that the webhook's object selector asks for. */
export const USE_LABEL = `${PREFIX}use`;
export const CLIENT_ID = `${PREFIX}client-id`;
export const TENANT_ID = `${PREFIX}tenant-id`;
const EXPIRATION = `${PREFIX}service-account-token-expiration`;
const SKIP_CONTAINERS = `${PREFIX}skip-containers`;
const INJECT_PROXY = `${PREFIX}inject-proxy-sidecar`;
const PROXY_PORT = `${PREFIX}proxy-sidecar-port`;

const DEFAULT_PROXY_PORT = 8000n;
const DEFAULT_EXPIRATION = 3600n;
const SHORTEST_SECONDS = 3600n;
const LONGEST_SECONDS = 86_400n;

export function annotationsOf(object: JsonObject): JsonObject {
  return objectIn(object['metadata'], 'annotations');
}

/** Whether the proxy is asked for: its presence is enough, whatever the value. */
export function wantsProxy(pod: JsonObject): boolean {
  return Object.hasOwn(annotationsOf(pod), INJECT_PROXY);
}

/** Whether a pod asks for the custom token endpoint of a suffix. */
export function wantsEndpoint(pod: JsonObject, suffix: string): boolean {
  return textIn(annotationsOf(pod), `${PREFIX}use-${suffix}`)?.toLowerCase() === 'true';
}

/** Names of the containers that are left alone. */
export function skippedContainers(pod: JsonObject): ReadonlySet<string> {
  const names = textIn(annotationsOf(pod), SKIP_CONTAINERS) ?? '';
  return new Set(names === '' ? [] : names.split(';').map((name) => name.trim()));
}

/** The port of the proxy, or the refusal. No range is checked: the reference checks none. */
export function proxyPort(pod: JsonObject): number | AdmissionDecision {
  const text = textIn(annotationsOf(pod), PROXY_PORT);
  const port = text === undefined || text === '' ? DEFAULT_PROXY_PORT : parseInteger(text, 32);
  return typeof port === 'bigint' ? Number(port) : denial(`failed to parse proxy sidecar port: ${port.problem}`);
}

/** Lifetime of the token in seconds, or the refusal. The pod's annotation comes before the service account's. */
export function expirationSeconds(pod: JsonObject, serviceAccount: JsonObject): number | AdmissionDecision {
  const text = [pod, serviceAccount].map((object) => textIn(annotationsOf(object), EXPIRATION)).find(Boolean);
  const seconds = text === undefined ? DEFAULT_EXPIRATION : parseInteger(text, 64);
  if (typeof seconds !== 'bigint') return denial(seconds.problem);
  if (seconds >= SHORTEST_SECONDS && seconds <= LONGEST_SECONDS) return Number(seconds);
  return denial(
    `token expiration ${seconds} not valid. Expected value to be between ${SHORTEST_SECONDS} and ${LONGEST_SECONDS}`,
  );
}

/** Reads an integer as Go's `strconv.ParseInt` with base 10 does, and says what is wrong in its words. */
function parseInteger(text: string, bits: number): bigint | { readonly problem: string } {
  const problem = (reason: string) => ({ problem: `strconv.ParseInt: parsing ${JSON.stringify(text)}: ${reason}` });
  if (!/^[+-]?\d+$/.test(text)) return problem('invalid syntax');
  // Longer than any such integer can be: not worth the arithmetic.
  const value = text.length > 4096 ? undefined : BigInt(text.replace(/^\+/, ''));
  return value !== undefined && BigInt.asIntN(bits, value) === value ? value : problem('value out of range');
}
