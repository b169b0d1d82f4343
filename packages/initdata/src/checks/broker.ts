import { checkCertificates } from './certificates.ts';
import type { FindingList } from './finding.ts';

/** The key broker as one file names it. */
export interface BrokerReference {
  readonly url: string | undefined;
  readonly certificate: string | undefined;
}

/** Checks the address and certificate of the key broker at `path`, such as `kbc`. */
export function checkBroker(
  broker: BrokerReference,
  paths: { readonly url: string; readonly certificate: string },
  now: number | undefined,
  findings: FindingList,
): void {
  const { url, certificate } = broker;
  if (certificate !== undefined) checkCertificates(certificate, paths.certificate, now, findings);
  if (url === undefined) return;
  const protocol = URL.canParse(url) ? new URL(url).protocol : '';
  if (protocol !== 'http:' && protocol !== 'https:') {
    findings.add('KBS_URL_INVALID', `${paths.url} is no http or https URL.`, { path: paths.url });
  } else if (protocol === 'http:') {
    findings.add('KBS_URL_PLAIN', `${paths.url} is an http URL.`, { path: paths.url });
  } else if (certificate === undefined) {
    findings.add('KBS_CERTIFICATE_ABSENT', `There is no ${paths.certificate}.`, { path: paths.certificate });
  }
}

/** Checks that both components talk to one broker. */
export function checkSameBroker(aa: BrokerReference, cdh: BrokerReference, findings: FindingList): void {
  if (aa.url !== undefined && cdh.url !== undefined && trimmed(aa.url) !== trimmed(cdh.url)) {
    findings.add('KBS_URL_DIFFERS', `aa.toml has ${aa.url}, cdh.toml has ${cdh.url}.`, { path: 'kbc.url' });
  }
  if (aa.url !== undefined && cdh.url !== undefined && pemOf(aa.certificate) !== pemOf(cdh.certificate)) {
    findings.add('KBS_CERTIFICATE_DIFFERS', 'The certificates of the key broker differ.', { path: 'kbc.kbs_cert' });
  }
}

/** Both components add their own path to the address. */
function trimmed(url: string): string {
  return url.replace(/\/$/u, '');
}

function pemOf(certificate: string | undefined): string {
  return (certificate ?? '').replaceAll(/\s+/gu, '');
}

const SEGMENT = '[A-Za-z0-9_.-]+';
const RESOURCE_URI = new RegExp(`^kbs://[^/]*/${SEGMENT}/${SEGMENT}/${SEGMENT}$`, 'u');

/** Checks `kbs:///REPOSITORY/TYPE/TAG`. */
export function checkResourceUri(uri: string, path: string, findings: FindingList): void {
  const segments = uri.split('/').slice(3);
  if (RESOURCE_URI.test(uri) && !segments.some((segment) => segment === '.' || segment === '..')) return;
  findings.add('KBS_URI_INVALID', `${path} is not kbs:///REPOSITORY/TYPE/TAG.`, { path });
}
