import { equalBytes } from '@holdfast/base';

import { verifyCertificateSignature } from '../x509/certificate.ts';
import type { RevocationList } from '../x509/revocation-list.ts';
import type { SnpChain, SnpChainProblem } from './chain.ts';
import { isRequiredPss } from './chain.ts';

/**
 * Whether the intermediate (ASK or ASVK) is checked against the root's revocation lists: `off` not at all; `soft` when
 * there is a current list; `hard` always, so that the lack of one fails. AMD revokes no single VCEK: a compromised
 * platform is answered by a higher minimum TCB.
 */
export interface SnpRevocation {
  readonly mode: 'off' | 'soft' | 'hard';
  /** Lists as AMD's key distribution service answers them (`…/vcek/v1/{product}/crl`), of any product. */
  readonly lists: readonly RevocationList[];
}

const CRL_NUMBER = '2.5.29.20';
const AUTHORITY_KEY_IDENTIFIER = '2.5.29.35';
const UNDERSTOOD: ReadonlySet<string> = new Set([CRL_NUMBER, AUTHORITY_KEY_IDENTIFIER]);

/**
 * What revocation lists say about a chain at `now` (ms). `checked` is true when a current, genuine list covers it.
 * @see RFC 5280 section 6.3
 */
export function snpRevocationProblems(
  chain: SnpChain,
  revocation: SnpRevocation,
  now: number,
): { readonly checked: boolean; readonly problems: readonly SnpChainProblem[] } {
  if (revocation.mode === 'off') return { checked: false, problems: [] };
  const genuine = revocation.lists.filter((list) => isGenuine(list, chain));
  const isRevoked = genuine.some(({ revokedSerials }) =>
    revokedSerials.some((serial) => equalBytes(serial, chain.intermediate.serial)),
  );
  // A revocation is final: a list that has since become old still counts against the certificate.
  if (isRevoked) {
    return {
      checked: true,
      problems: [{ code: 'SNP_REVOKED', reason: 'the intermediate certificate is on the revocation list of its root' }],
    };
  }
  if (genuine.some((list) => isCurrent(list, now))) return { checked: true, problems: [] };
  if (revocation.mode === 'soft') return { checked: false, problems: [] };
  const reason =
    genuine.length > 0
      ? 'the revocation list of the root is not current'
      : `none of ${revocation.lists.length} revocation lists is signed by the root of this chain`;
  return { checked: false, problems: [{ code: 'SNP_REVOCATION_UNKNOWN', reason }] };
}

function isGenuine(list: RevocationList, { root }: SnpChain): boolean {
  return (
    equalBytes(list.issuerDer, root.subjectDer) &&
    isRequiredPss(list.signatureAlgorithm) &&
    root.keyUsage?.includes('cRLSign') === true &&
    list.extensions.every(({ critical, oid }) => !critical || UNDERSTOOD.has(oid)) &&
    verifyCertificateSignature(list, root.publicKey)
  );
}

function isCurrent({ thisUpdate, nextUpdate }: RevocationList, now: number): boolean {
  return thisUpdate <= now && nextUpdate !== undefined && now <= nextUpdate;
}
