import {
  certificatesToPem,
  parseCertificate,
  parseCertificates,
  productFromCpuid,
  readEndorsementExtensions,
  vcekPath,
} from '@holdfast/attestation';
import type { Certificate, SnpProduct, SnpReport, ThimCertificates } from '@holdfast/attestation';
import { DependencyError, fromUtf8, toHex } from '@holdfast/base';
import type { HttpClient } from '@holdfast/http';

import { isRetryableStatus } from './retry.ts';

/** A service elsewhere that has the certificates of chips, as `certcache` of the reference sidecar names it. */
export type CertificateCache =
  | {
      /** AMD's key distribution service, or a mirror of it. */
      readonly kind: 'AMD';
      /** host/path without a scheme, such as `kdsintf.amd.com/vcek/v1`. */
      readonly endpoint: string;
      /** Processor line in the path, such as `Milan`. */
      readonly product: string;
    }
  | {
      /** Azure's certificate cache. */
      readonly kind: 'AzCache';
      readonly endpoint: string;
      /** Element of the path, such as `SevSnpVM`. */
      readonly teeType: string;
      /** Such as `api-version=2020-10-15-preview&clientId=ConfidentialACI`. */
      readonly query: string;
    };

const MAX_BYTES = 64 * 1024;

/**
 * The certificates of the chip and firmware version that a report states. The firmware version they are for is read from
 * the certificate, not taken from the request: a cache may answer with another.
 * @throws DependencyError HOST_CERTIFICATES_UNAVAILABLE
 * @throws MalformedError X509_CERTIFICATE_MALFORMED
 * @throws VerificationError SNP_EXTENSION_INVALID
 */
export async function fetchFromCache(
  cache: CertificateCache,
  report: SnpReport,
  client: Pick<HttpClient, 'send'>,
): Promise<ThimCertificates> {
  const product = productOf(cache, report);
  const get = async (url: string): Promise<Uint8Array> => {
    const answer = await client.send({ url, timeoutMs: 10_000, maxBytes: MAX_BYTES });
    if (answer.status === 200) return answer.body;
    throw new DependencyError(
      'HOST_CERTIFICATES_UNAVAILABLE',
      `${new URL(url).host} answered with status ${answer.status}`,
      {
        retryable: isRetryableStatus(answer.status),
        details: { status: answer.status },
        action: 'Check certcache in SkrSideCarArgs.',
      },
    );
  };
  const [vcek, ...authorities] =
    cache.kind === 'AMD'
      ? [
          parseCertificate(await get(`https://${cache.endpoint}${amdPath(cache.product, product, report)}`)),
          ...parseCertificates(fromUtf8(await get(`https://${cache.endpoint}/${cache.product}/cert_chain`))),
        ]
      : parseCertificates(fromUtf8(await get(azurePath(cache, report))));
  if (vcek === undefined || authorities.length === 0) {
    throw new DependencyError('HOST_CERTIFICATES_UNAVAILABLE', 'the certificate cache answered without a chain', {
      retryable: false,
      action: 'Check certcache in SkrSideCarArgs.',
    });
  }
  return {
    vcekCert: certificatesToPem([vcek]),
    tcbm: endorsedTcb(vcek, product),
    certificateChain: certificatesToPem(authorities),
    cacheControl: '0',
  };
}

function productOf(cache: CertificateCache, report: SnpReport): SnpProduct {
  const fromCpuid = report.cpuid === undefined ? undefined : productFromCpuid(report.cpuid);
  if (fromCpuid !== undefined) return fromCpuid;
  // Reports of version 2 do not name the processor; Turin came with later versions only.
  return cache.kind === 'AMD' && cache.product === 'Genoa' ? 'Genoa' : 'Milan';
}

/** `/{product}/{chip}?…`: the base of the path is part of the configured endpoint. */
function amdPath(segment: string, product: SnpProduct, report: SnpReport): string {
  return vcekPath(product, report.chipId, report.reportedTcb).replace(`/vcek/v1/${product}`, `/${segment}`);
}

function azurePath(cache: Extract<CertificateCache, { kind: 'AzCache' }>, report: SnpReport): string {
  const path = `${cache.teeType}/certificates/${toHex(report.chipId)}/${report.reportedTcb.toString(16)}`;
  return `https://${cache.endpoint}/${path}${cache.query === '' ? '' : `?${cache.query}`}`;
}

/** The TCB that a certificate is for, as 16 hex digits of the 64-bit value. */
function endorsedTcb(vcek: Certificate, product: SnpProduct): string {
  const { tcbBytes } = readEndorsementExtensions(vcek, 'vcek', product);
  return Buffer.from(tcbBytes).readBigUInt64LE().toString(16).padStart(16, '0');
}
