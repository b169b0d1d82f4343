import { createHash, hash as hashOnce } from 'node:crypto';

import { PlatformError } from '@holdfast/base';

import { parseCertificate, parseCertificates } from '../x509/certificate.ts';
import type { Certificate } from '../x509/certificate.ts';
import { locateSnpChain, snpNameProblems, snpSignatureProblems } from './chain.ts';
import type { SnpChain, SnpChainProblem } from './chain.ts';
import { readEndorsementExtensions } from './endorsement-certificate.ts';
import type { EndorsementExtensions } from './endorsement-certificate.ts';
import type { SnpTrustedRoot } from './roots.ts';

/** PEM bundle, DER certificates, or parsed certificates, in any order. */
export type SnpCertificateBundle = string | Uint8Array | readonly Uint8Array[] | readonly Certificate[];

/** The trust a bundle is judged under. */
export interface SnpChainTrust {
  readonly roots: readonly SnpTrustedRoot[];
  readonly intermediates: readonly Certificate[] | undefined;
}

/** What a bundle of certificates yields by itself: everything that depends neither on the report nor on the clock. */
export interface SnpCertificateAppraisal {
  /** Undefined when no chain could be put together. */
  readonly chain: SnpChain | undefined;
  readonly extensions: EndorsementExtensions | undefined;
  /** Problems by step: parsing and locating, names, signatures and authority, extensions. */
  readonly located: readonly SnpChainProblem[];
  readonly names: readonly SnpChainProblem[];
  readonly signatures: readonly SnpChainProblem[];
  readonly extensionProblems: readonly SnpChainProblem[];
}

const DEFAULT_MAX_ENTRIES = 256;

/**
 * Remembers bundles whose certificates hold, by the SHA-256 of the bundle, so that the next report of the same chip costs
 * little more than one ECDSA verification. Validity, revocation, key kind, product, chip and TCB are compared again for
 * every report. A bundle with a problem is never kept. The least recently used is dropped.
 */
export class SnpChainCache {
  readonly #entries = new Map<string, { readonly trust: SnpChainTrust; readonly appraisal: SnpCertificateAppraisal }>();
  readonly #maxEntries: number;

  constructor(options: { readonly maxEntries?: number } = {}) {
    this.#maxEntries = options.maxEntries ?? DEFAULT_MAX_ENTRIES;
  }

  /** How many bundles are kept. */
  get size(): number {
    return this.#entries.size;
  }

  /** The appraisal of this bundle under this trust, from memory or by appraising it now. */
  appraise(bundle: SnpCertificateBundle, trust: SnpChainTrust): SnpCertificateAppraisal {
    const key = bundleDigest(bundle);
    const known = this.#entries.get(key);
    // Trust is compared by identity: whoever changes it makes a new list, and everything is verified again.
    if (known !== undefined && known.trust.roots === trust.roots && known.trust.intermediates === trust.intermediates) {
      this.#entries.delete(key);
      this.#entries.set(key, known);
      return known.appraisal;
    }
    const appraisal = appraiseSnpCertificates(bundle, trust);
    if (holds(appraisal)) this.#keep(key, trust, appraisal);
    return appraisal;
  }

  #keep(key: string, trust: SnpChainTrust, appraisal: SnpCertificateAppraisal): void {
    this.#entries.delete(key);
    this.#entries.set(key, { trust, appraisal });
    if (this.#entries.size <= this.#maxEntries) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}

/** Finds the chain in a bundle and checks its names, signatures and the extensions of its leaf. */
export function appraiseSnpCertificates(bundle: SnpCertificateBundle, trust: SnpChainTrust): SnpCertificateAppraisal {
  const none = { chain: undefined, extensions: undefined, names: [], signatures: [], extensionProblems: [] };
  let certificates: readonly Certificate[];
  try {
    certificates = readCertificates(bundle);
  } catch (error) {
    return { ...none, located: [problemOf(error)] };
  }
  const { chain, problems: located } = locateSnpChain(certificates, trust.roots, trust.intermediates ?? []);
  if (chain === undefined) return { ...none, located };
  const checked = { chain, located, names: snpNameProblems(chain), signatures: snpSignatureProblems(chain) };
  try {
    const extensions = readEndorsementExtensions(chain.leaf, chain.leafKind, chain.pin.product);
    return { ...checked, extensions, extensionProblems: [] };
  } catch (error) {
    return { ...checked, extensions: undefined, extensionProblems: [problemOf(error)] };
  }
}

function holds({ extensions, located, names, signatures }: SnpCertificateAppraisal): boolean {
  return extensions !== undefined && located.length === 0 && names.length === 0 && signatures.length === 0;
}

function problemOf(error: unknown): SnpChainProblem {
  if (!(error instanceof PlatformError)) throw error;
  return { code: error.code, reason: error.message };
}

function readCertificates(bundle: SnpCertificateBundle): readonly Certificate[] {
  if (typeof bundle === 'string' || bundle instanceof Uint8Array) return parseCertificates(bundle);
  return bundle.map((certificate) => (certificate instanceof Uint8Array ? parseCertificate(certificate) : certificate));
}

/** A digest that differs whenever the certificates differ, or are given in another form. */
function bundleDigest(bundle: SnpCertificateBundle): string {
  // Bundles of services are texts: the one-shot function takes a third of the time of a hash object for them.
  if (typeof bundle === 'string') return `text:${hashOnce('sha256', bundle, 'base64')}`;
  if (bundle instanceof Uint8Array) return `bytes:${hashOnce('sha256', bundle, 'base64')}`;
  const hash = createHash('sha256');
  for (const item of bundle) {
    const der = item instanceof Uint8Array ? item : item.der;
    hash.update(`${der.length}:`).update(der);
  }
  return `list:${hash.digest('base64')}`;
}
