import { MalformedError, UnsupportedError } from '@holdfast/base';

import { decodeLenientBase64Url } from '../encoding/lenient-base64.ts';
import { BitReader } from './bit-reader.ts';

/** What a user consented to, as far as a vendor's processing depends on it. */
export interface TcfConsent {
  readonly version: 1 | 2;
  /** Purposes consented to. */
  readonly purposeConsents: ReadonlySet<number>;
  readonly hasVendorConsent: (vendorId: number) => boolean;
  /** Purposes whose legitimate interest was shown and not objected to; version 1 does not have any. */
  readonly purposeLegitimateInterests: ReadonlySet<number> | undefined;
  readonly hasVendorLegitimateInterest: (vendorId: number) => boolean;
}

/** Storage, selecting basic ads, personalised profiles and their use, ad measurement, product development. */
const REQUIRED_PURPOSES = [1, 2, 3, 4, 7, 10] as const;

const PURPOSES = 24;
const VERSION_2_PURPOSES_AT = 152;
const VERSION_1_PURPOSES_AT = 132;

/**
 * Reads the core segment of a transparency and consent string. Other segments need only be Base64.
 * @throws MalformedError TCF_STRING_INVALID for other alphabets, a core segment that ends early, impossible vendor ranges and
 *   versions other than 1 and 2
 * @see IAB Europe, "Transparency and Consent String with Global Vendor & CMP List Formats"
 */
export function parseTcfConsent(text: string): TcfConsent {
  const segments = text.split('.').map((segment) => {
    const bytes = decodeLenientBase64Url(segment);
    if (bytes === undefined) throw invalid('a segment is not URL-safe Base64');
    return bytes;
  });
  const reader = new BitReader(segments[0] ?? new Uint8Array(0));
  const version = reader.uint(6);
  if (version === 2) return parseVersion2(reader);
  if (version === 1) return parseVersion1(reader);
  throw invalid('the version is neither 1 nor 2');
}

/**
 * Whether UID2's purposes are all granted to `vendorId`, each by consent or by legitimate interest. Restrictions of publishers
 * and special features play no part.
 * @throws UnsupportedError TCF_VERSION_UNSUPPORTED for version 1, which says nothing about legitimate interests
 */
export function isConsentSufficient(consent: TcfConsent, vendorId: number): boolean {
  const { purposeConsents, purposeLegitimateInterests } = consent;
  if (purposeLegitimateInterests === undefined) {
    throw new UnsupportedError('TCF_VERSION_UNSUPPORTED', 'a consent string of version 1 has no legitimate interests');
  }
  const byConsent = consent.hasVendorConsent(vendorId);
  const byInterest = consent.hasVendorLegitimateInterest(vendorId);
  return REQUIRED_PURPOSES.every(
    (purpose) => (byConsent && purposeConsents.has(purpose)) || (byInterest && purposeLegitimateInterests.has(purpose)),
  );
}

function parseVersion2(reader: BitReader): TcfConsent {
  reader.skip(VERSION_2_PURPOSES_AT - 6);
  const purposeConsents = reader.numbers(PURPOSES);
  const purposeLegitimateInterests = reader.numbers(PURPOSES);
  reader.skip(1 + 12); // treatment of purpose 1, country of the publisher
  const hasVendorConsent = readVendors(reader);
  const hasVendorLegitimateInterest = readVendors(reader);
  // They count for nothing, but a string that ends within them is damaged.
  for (let count = reader.uint(12); count > 0; count -= 1) {
    reader.skip(6 + 2);
    readRanges(reader, Infinity);
  }
  return { version: 2, purposeConsents, hasVendorConsent, purposeLegitimateInterests, hasVendorLegitimateInterest };
}

function parseVersion1(reader: BitReader): TcfConsent {
  reader.skip(VERSION_1_PURPOSES_AT - 6);
  const purposeConsents = reader.numbers(PURPOSES);
  const maxVendorId = reader.uint(16);
  let hasVendorConsent: (vendorId: number) => boolean;
  if (reader.boolean()) {
    const byDefault = reader.boolean();
    const isException = readRanges(reader, maxVendorId);
    hasVendorConsent = (id) => id >= 1 && id <= maxVendorId && isException(id) !== byDefault;
  } else {
    hasVendorConsent = reader.bitField(maxVendorId);
  }
  return {
    version: 1,
    purposeConsents,
    hasVendorConsent,
    purposeLegitimateInterests: undefined,
    hasVendorLegitimateInterest: () => false,
  };
}

/** One bit for every vendor up to the highest, or ranges of vendors. */
function readVendors(reader: BitReader): (vendorId: number) => boolean {
  const maxVendorId = reader.uint(16);
  return reader.boolean() ? readRanges(reader, maxVendorId) : reader.bitField(maxVendorId);
}

/** Ranges are kept as they are: a short string can name many vendors. */
function readRanges(reader: BitReader, maxVendorId: number): (vendorId: number) => boolean {
  const ranges: (readonly [number, number])[] = [];
  for (let count = reader.uint(12); count > 0; count -= 1) {
    const isRange = reader.boolean();
    const first = reader.uint(16);
    const last = isRange ? reader.uint(16) : first;
    if (first > last || last > maxVendorId) throw invalid('a range of vendors is impossible');
    ranges.push([first, last]);
  }
  return (vendorId) => ranges.some(([first, last]) => vendorId >= first && vendorId <= last);
}

function invalid(problem: string): MalformedError {
  return new MalformedError('TCF_STRING_INVALID', problem);
}
