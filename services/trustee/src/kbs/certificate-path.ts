import type { X509Certificate } from 'node:crypto';

const MAX_DEPTH = 8;

/**
 * Whether a certificate leads to a trusted one through intermediates in any order (RFC 5280, section 6.1, reduced to
 * names, signatures, authority and validity). Certificates that lead nowhere are passed over.
 * @param now milliseconds since 1970
 */
export function leadsToTrusted(
  leaf: X509Certificate,
  intermediates: readonly X509Certificate[],
  trusted: readonly X509Certificate[],
  now: number,
): boolean {
  return climb(leaf, intermediates.slice(0, MAX_DEPTH), trusted, now, 0);
}

function climb(
  certificate: X509Certificate,
  intermediates: readonly X509Certificate[],
  trusted: readonly X509Certificate[],
  now: number,
  depth: number,
): boolean {
  if (depth > MAX_DEPTH || !isValidAt(certificate, now)) return false;
  for (const anchor of trusted) {
    if (anchor.raw.equals(certificate.raw)) return true;
    if (isIssuedBy(certificate, anchor) && isValidAt(anchor, now)) return true;
  }
  return intermediates.some(
    (issuer, at) =>
      isIssuedBy(certificate, issuer) &&
      climb(
        issuer,
        intermediates.filter((_, other) => other !== at),
        trusted,
        now,
        depth + 1,
      ),
  );
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function isValidAt(certificate: X509Certificate, now: number): boolean {
  return Date.parse(certificate.validFrom) <= now && now <= Date.parse(certificate.validTo);
}
